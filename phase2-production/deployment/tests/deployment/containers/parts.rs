//! A container of a system: how it is made, and what can be done to it.

use super::engine::{label, order};
use anyhow::Context;
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::logs::LogFrame;
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

/// What to make.
pub(super) struct Recipe {
    pub(super) image: (&'static str, &'static str),
    /// What it prints once it can be used; [`None`] if it does not say.
    pub(super) ready: Option<WaitFor>,
    pub(super) command: Vec<String>,
    /// Secrets among it: they stand in no command line.
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// A volume, and where it is seen.
    pub(super) volume: Option<(String, &'static str)>,
    /// The port that this machine may reach.
    pub(super) published: Option<u16>,
}

impl Recipe {
    /// Nothing but an image, and what it says when it is ready.
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

/// The library would publish every port, and on every address of this machine.
fn only_on_loopback(published: Option<u16>) -> impl Fn(&mut HostConfig) {
    move |config| {
        let binding =
            PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
        let ports = published.map(|port| (format!("{port}/tcp"), Some(vec![binding])));
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(HashMap::from_iter(ports));
    }
}

/// A container. Dropped, it is removed.
pub(super) struct Part {
    container: ContainerAsync<GenericImage>,
    name: String,
    network: String,
}

impl Part {
    /// Starts one and waits until it says that it is ready.
    pub(super) async fn start(
        name: String,
        network: &str,
        recipe: Recipe,
    ) -> anyhow::Result<Self> {
        let said = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&said);
        let request = recipe.request(&name, network);
        let request = request.with_log_consumer(move |frame: &LogFrame| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&String::from_utf8_lossy(frame.bytes()));
        });
        let container = request.start().await.with_context(|| {
            // It is removed already, and cannot be asked.
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            format!("{name} does not start: {said}")
        })?;
        Ok(Self { container, name, network: network.to_owned() })
    }

    /// Where this machine reaches the port that was published.
    pub(super) async fn address(&self, port: u16) -> anyhow::Result<String> {
        let port = self.container.get_host_port_ipv4(port).await?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// It is dead at once, as after a crash.
    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        order(&["kill", &self.name]).await
    }

    /// It comes back, with another address perhaps.
    pub(super) async fn start_again(&self) -> anyhow::Result<()> {
        order(&["start", &self.name]).await
    }

    /// It is there and does nothing, as a machine that is overloaded.
    pub(super) async fn pause(&self) -> anyhow::Result<()> {
        order(&["pause", &self.name]).await
    }

    /// It goes on where it was.
    pub(super) async fn resume(&self) -> anyhow::Result<()> {
        order(&["unpause", &self.name]).await
    }

    /// It runs and reaches nobody, as behind a cable that was pulled.
    pub(super) async fn cut_off(&self) -> anyhow::Result<()> {
        order(&["network", "disconnect", &self.network, &self.name]).await
    }

    /// It is on the network again, with another address perhaps.
    pub(super) async fn reconnect(&self) -> anyhow::Result<()> {
        order(&["network", "connect", &self.network, &self.name]).await
    }

    /// It is told to stop, finishes what it has, and is removed.
    pub(super) async fn retire(self) -> anyhow::Result<()> {
        order(&["stop", "--time", "20", &self.name]).await?;
        Ok(self.container.rm().await?)
    }

    /// The last lines that it wrote.
    pub(super) fn last_words(&self) -> String {
        let name = &self.name;
        let logs = Command::new("docker").args(["logs", "--tail", "8", name]).output();
        let Ok(logs) = logs else { return String::new() };
        let [out, err] = [logs.stdout, logs.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("--- {name}\n{out}{err}")
    }
}
