//! The deployment in containers. The files are the product; this crate contains their tests.
//!
//! - `images/`: a folder for each image. `scripts/images` pulls or builds the images of other
//!   projects, `scripts/program-images` builds the images of the lab's programs.
//! - `haproxy/haproxy.cfg`: the production balancer. It guarantees the same as `load-balancer`,
//!   and the tests of that crate run against both.
//! - `haproxy/replicas.cfg`: its replicas, on a container network.
//!
//! `tests/deployment/configuration.rs` checks the files. `tests/deployment/containers` runs
//! whole clusters of containers, each on its own network, and kills, pauses, disconnects and
//! restarts their containers. It needs the feature `containers`, because its client of the
//! engine takes minutes to build. `docs/containers.md` describes how to run it.
