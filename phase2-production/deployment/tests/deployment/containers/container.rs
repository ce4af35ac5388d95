//! A container of a test cluster and its faults.

use super::engine::{docker_command, label};
use anyhow::Context;
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::logs::LogFrame;
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

/// The settings of a container.
pub(super) struct ContainerSpec {
    pub(super) image: (&'static str, &'static str),
    /// The output when it is ready; [`None`] if it prints none.
    pub(super) ready: Option<WaitFor>,
    pub(super) command: Vec<String>,
    /// Includes secrets, which must not be on a command line.
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// A volume and its mount point.
    pub(super) volume: Option<(String, &'static str)>,
    /// The port that is published on this machine.
    pub(super) published: Option<u16>,
}

impl ContainerSpec {
    /// An image and its ready message, without other settings.
    pub(super) const fn of(
        image: (&'static str, &'static str),
        ready: Option<WaitFor>,
    ) -> Self {
        Self {
            image,
            ready,
            command: Vec::new(),
            environment: Vec::new(),
            files: Vec::new(),
            volume: None,
            published: None,
        }
    }

    fn request(self, name: &str, network: &str) -> ContainerRequest<GenericImage> {
        let image = GenericImage::new(self.image.0, self.image.1);
        let image = match self.ready {
            Some(ready) => image.with_wait_for(ready),
            None => image,
        };
        let image = match self.published {
            Some(port) => image.with_exposed_port(port.tcp()),
            None => image,
        };
        let (key, owner) = label();
        let mut request = image
            .with_container_name(name)
            .with_network(network)
            .with_label(key, owner)
            .with_host_config_modifier(only_on_loopback(self.published));
        if !self.command.is_empty() {
            request = request.with_cmd(self.command);
        }
        for (variable, value) in self.environment {
            request = request.with_env_var(variable, value);
        }
        for (path, content) in self.files {
            request = request.with_copy_to(path, content);
        }
        if let Some((volume, path)) = self.volume {
            let mount = Mount::volume_mount(volume, path);
            request = request.with_mount(mount);
        }
        request
    }
}

/// Publishes one port on 127.0.0.1. The library would publish every port on every address.
fn only_on_loopback(published: Option<u16>) -> impl Fn(&mut HostConfig) {
    move |config| {
        let binding =
            PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
        let ports = published.map(|port| (format!("{port}/tcp"), Some(vec![binding])));
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(HashMap::from_iter(ports));
    }
}

/// A running container. It is removed when dropped.
pub(super) struct TestContainer {
    container: ContainerAsync<GenericImage>,
    name: String,
    network: String,
}

impl TestContainer {
    /// Starts a container and waits for its ready message.
    pub(super) async fn start(
        name: String,
        network: &str,
        spec: ContainerSpec,
    ) -> anyhow::Result<Self> {
        let output = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&output);
        let request = spec.request(&name, network);
        let request = request.with_log_consumer(move |frame: &LogFrame| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&String::from_utf8_lossy(frame.bytes()));
        });
        let container = request.start().await.with_context(|| {
            // The container is removed, so docker has no log of it.
            let output = output.lock().unwrap_or_else(PoisonError::into_inner);
            format!("{name} does not start: {output}")
        })?;
        Ok(Self { container, name, network: network.to_owned() })
    }

    /// The address of the published port on this machine.
    pub(super) async fn address(&self, port: u16) -> anyhow::Result<String> {
        let port = self.container.get_host_port_ipv4(port).await?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// Crashes it with SIGKILL.
    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        docker_command(&["kill", &self.name]).await
    }

    /// Starts it after a crash, maybe with another address.
    pub(super) async fn start_again(&self) -> anyhow::Result<()> {
        docker_command(&["start", &self.name]).await
    }

    /// Freezes its processes.
    pub(super) async fn pause(&self) -> anyhow::Result<()> {
        docker_command(&["pause", &self.name]).await
    }

    /// Continues its processes.
    pub(super) async fn resume(&self) -> anyhow::Result<()> {
        docker_command(&["unpause", &self.name]).await
    }

    /// Disconnects it from the network, like a pulled cable.
    pub(super) async fn disconnect(&self) -> anyhow::Result<()> {
        docker_command(&["network", "disconnect", &self.network, &self.name]).await
    }

    /// Connects it to the network, maybe with another address.
    pub(super) async fn reconnect(&self) -> anyhow::Result<()> {
        docker_command(&["network", "connect", &self.network, &self.name]).await
    }

    /// Stops it in order, so that it finishes its requests, and removes it.
    pub(super) async fn retire(self) -> anyhow::Result<()> {
        docker_command(&["stop", "--time", "20", &self.name]).await?;
        Ok(self.container.rm().await?)
    }

    /// The last lines of its log.
    pub(super) fn log_tail(&self) -> String {
        let name = &self.name;
        let logs = Command::new("docker").args(["logs", "--tail", "8", name]).output();
        let Ok(logs) = logs else { return String::new() };
        let [out, err] = [logs.stdout, logs.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("--- {name}\n{out}{err}")
    }
}
