//! The files of this folder, in use: the balancer's configuration read by HAProxy, and
//! whole systems out of the images.

mod configuration;
#[cfg(feature = "containers")]
mod containers;
