//! A gateway in this process, with its fakes behind it.

use std::{net::SocketAddr, sync::Arc};

use fenxi_chassis::{clock::Clock, program::Frame};
use gateway::Config;
use tokio::net::TcpListener;
use tonic::transport::Channel;

use crate::fakes::{self, Fake, GATEWAY_SECRET, State};

/// The origin that browsers know the gateway of the tests by.
pub(crate) const ORIGIN: &str = "https://fenxi.example";

/// The gateway and what stands behind it.
pub(crate) struct House {
    pub(crate) state: Arc<State>,
    pub(crate) auth: Fake,
    pub(crate) analysis: Fake,
    pub(crate) gateway: SocketAddr,
    pub(crate) frame: Frame,
    _secret: tempfile::TempDir,
}

impl House {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let house = Self::start_unready(settings).await;
        fakes::until("the gateway is ready", || house.frame.lifecycle.readiness().0).await;
        house
    }

    /// Starts everything.
    pub(crate) async fn start_unready(settings: &[&str]) -> Self {
        Self::start_by(Clock::system(), settings).await
    }

    /// Starts everything; the gateway tells the time by this clock.
    pub(crate) async fn start_by(clock: Clock, settings: &[&str]) -> Self {
        let state = Arc::new(State::default());
        let any = "127.0.0.1:0".parse().expect("an address");
        let auth = fakes::auth_service(&state, any).await;
        let analysis = fakes::analysis_service(&state, any).await;
        let secret = tempfile::tempdir().expect("a folder");
        let secret_file = secret.path().join("secret");
        std::fs::write(&secret_file, GATEWAY_SECRET).expect("written");
        let mut args: Vec<String> = ["gateway", "--secret-file"].map(String::from).into();
        args.push(secret_file.display().to_string());
        args.extend(["--auth-url".into(), format!("http://{}", auth.address)]);
        args.extend(["--analysis-url".into(), format!("http://{}", analysis.address)]);
        if !settings.iter().any(|setting| setting.starts_with("--public-url")) {
            args.push(format!("--public-url={ORIGIN}"));
        }
        args.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let config = Config::from_args(args).expect("good settings");
        let frame = Frame::new(clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = listener.local_addr().expect("an address");
        let served = gateway::serve(listener, config, frame.clone());
        frame.lifecycle.spawn(async move { served.await.expect("a gateway") });
        Self { state, auth, analysis, gateway, frame, _secret: secret }
    }

    /// A native gRPC channel to the gateway.
    pub(crate) fn channel(&self) -> Channel {
        fenxi_chassis::client::channel(&format!("http://{}", self.gateway)).expect("an address")
    }

    /// Stops the gateway and waits for its end; says whether it ended in time.
    pub(crate) async fn stop(&self) -> bool {
        self.frame.lifecycle.stop();
        self.frame.lifecycle.ended().await
    }
}

/// A request with a bearer credential.
pub(crate) fn by<T>(credential: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {credential}").parse().expect("a value"));
    request
}
