//! What the lab is made of where it runs in containers. The files are the product, and this
//! crate is the suites that run them:
//!
//! - `images/`: a folder for each image. `scripts/images` pulls or builds the ones that
//!   everybody knows by name, `scripts/program-images` builds our own.
//! - `haproxy/haproxy.cfg`: the production balancer. It keeps the promises of
//!   `load-balancer`; the suite of that crate holds both to them.
//! - `haproxy/replicas.cfg`: who is behind it, on a container network.
//!
//! `tests/deployment/configuration.rs` reads the files. `tests/deployment/containers` runs
//! whole systems out of the images on networks of their own and kills, pauses, cuts off and
//! restarts their parts. It is behind the feature `containers`, because its client of the
//! engine takes minutes to build; `docs/containers.md` says how it is run.
