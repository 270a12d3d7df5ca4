//! A user at the door: a gRPC client that signs in through the gateway and does what users do.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use fenxi_chassis::client::{Bearer, channel};
use fenxi_proto::{
    METADATA_LOGIN_SESSION,
    analysis::v1::{
        CompleteUploadRequest, CreateKernelRequest, CreateUploadRequest, Dataset, ExecuteRequest, FinishedEvent,
        Kernel, KernelDataset, Outcome, OutputEvent, StreamName, Upload, WriteUploadRequest,
        dataset_service_client::DatasetServiceClient, execution_service_client::ExecutionServiceClient,
        kernel_service_client::KernelServiceClient, output_event::Event,
    },
    auth::v1::{
        CreateUserRequest, LoginWithPasswordRequest, SetUpAdministratorRequest, User,
        auth_service_client::AuthServiceClient, user_service_client::UserServiceClient,
    },
    history::v1::{HistoryEntry, ListHistoryRequest, history_service_client::HistoryServiceClient},
};
use tonic::{service::interceptor::InterceptedService, transport::Channel};

use crate::house::{ADMIN_PASSWORD, House};

/// A channel that carries a user's credential.
pub type SignedIn = InterceptedService<Channel, Bearer>;

const MESSAGE_MAX_BYTES: usize = 64 << 20;
const PIECE_BYTES: usize = 512 << 10;
/// How long a story waits for what must come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user with their clients.
#[derive(Clone)]
pub struct Client {
    /// Who they are.
    pub user: User,
    /// The secret of their LoginSession.
    pub secret: String,
    channel: SignedIn,
}

/// A new request id.
#[must_use]
pub fn request_id() -> String {
    fenxi_chassis::id::at(0).to_string()
}

impl Client {
    /// Makes the house's first administrator, `admin`, and signs in.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn administrator(house: &House) -> anyhow::Result<Self> {
        let setup_token = house.setup_token().context("the house has no set-up token")?;
        Self::first_administrator(door(house)?, setup_token).await
    }

    /// The same at any door.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn first_administrator(door: Channel, setup_token: String) -> anyhow::Result<Self> {
        let request = SetUpAdministratorRequest {
            setup_token,
            username: "admin".into(),
            password: ADMIN_PASSWORD.into(),
            display_name: "Ada".into(),
        };
        let answer = AuthServiceClient::new(door.clone()).set_up_administrator(request).await?;
        let secret = login_secret(answer.metadata())?;
        Self::signed_in(door, answer.into_inner().user, secret)
    }

    /// Signs in with a password.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn login(house: &House, username: &str, password: &str) -> anyhow::Result<Self> {
        let request = LoginWithPasswordRequest { username: username.into(), password: password.into() };
        let door = door(house)?;
        let answer = AuthServiceClient::new(door.clone()).login_with_password(request).await?;
        let secret = login_secret(answer.metadata())?;
        Self::signed_in(door, answer.into_inner().user, secret)
    }

    fn signed_in(door: Channel, user: Option<User>, secret: String) -> anyhow::Result<Self> {
        let channel = InterceptedService::new(door, Bearer::new(&secret)?);
        Ok(Self { user: user.context("an answer without its user")?, secret, channel })
    }

    /// Makes a local account as an administrator and signs in with it.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn member(&self, house: &House, username: &str) -> anyhow::Result<Self> {
        let request = CreateUserRequest {
            username: username.into(),
            password: ADMIN_PASSWORD.into(),
            request_id: request_id(),
            ..CreateUserRequest::default()
        };
        self.users().create_user(request).await?;
        Self::login(house, username, ADMIN_PASSWORD).await
    }

    /// The channel, for services that have no shorthand here.
    #[must_use]
    pub fn channel(&self) -> SignedIn {
        self.channel.clone()
    }

    /// AuthService.
    #[must_use]
    pub fn auth(&self) -> AuthServiceClient<SignedIn> {
        AuthServiceClient::new(self.channel.clone())
    }

    /// UserService.
    #[must_use]
    pub fn users(&self) -> UserServiceClient<SignedIn> {
        UserServiceClient::new(self.channel.clone())
    }

    /// HistoryService.
    #[must_use]
    pub fn history(&self) -> HistoryServiceClient<SignedIn> {
        HistoryServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// DatasetService.
    #[must_use]
    pub fn datasets(&self) -> DatasetServiceClient<SignedIn> {
        DatasetServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// KernelService.
    #[must_use]
    pub fn kernels(&self) -> KernelServiceClient<SignedIn> {
        KernelServiceClient::new(self.channel.clone())
    }

    /// ExecutionService.
    #[must_use]
    pub fn executions(&self) -> ExecutionServiceClient<SignedIn> {
        ExecutionServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Sends a file's bytes and waits for them; the upload is not completed.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn send(&self, file_name: &str, bytes: Vec<u8>) -> anyhow::Result<Upload> {
        let request = CreateUploadRequest {
            file_name: file_name.into(),
            size_bytes: i64::try_from(bytes.len())?,
            request_id: request_id(),
            ..CreateUploadRequest::default()
        };
        let upload = self.datasets().create_upload(request).await?.into_inner().upload.context("no upload")?;
        let first = WriteUploadRequest { upload_id: upload.upload_id, ..WriteUploadRequest::default() };
        let bytes = Bytes::from(bytes);
        let pieces: Vec<_> = (0..bytes.len())
            .step_by(PIECE_BYTES)
            .map(|at| bytes.slice(at..(at + PIECE_BYTES).min(bytes.len())))
            .map(|data| WriteUploadRequest { data, ..WriteUploadRequest::default() })
            .collect();
        let messages = tokio_stream::iter(std::iter::once(first).chain(pieces));
        let written = self.datasets().write_upload(messages).await?.into_inner().upload;
        written.context("no upload")
    }

    /// Uploads a table.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn upload(&self, file_name: &str, bytes: Vec<u8>) -> anyhow::Result<Dataset> {
        let upload = self.send(file_name, bytes).await?;
        let request = CompleteUploadRequest {
            upload_id: upload.upload_id,
            request_id: request_id(),
            ..CompleteUploadRequest::default()
        };
        let answer = self.datasets().complete_upload(request).await?.into_inner();
        answer.dataset.context("no dataset")
    }

    /// Uploads a table from a file.
    ///
    /// # Errors
    /// The file cannot be read; what the service answers.
    pub async fn upload_file(&self, path: &Path) -> anyhow::Result<Dataset> {
        let name = path.file_name().and_then(|name| name.to_str()).context("no file name")?;
        let bytes = tokio::fs::read(path).await.with_context(|| path.display().to_string())?;
        self.upload(name, bytes).await
    }

    /// Starts a kernel with these datasets under these names.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn kernel(&self, datasets: &[(&str, &str)]) -> anyhow::Result<Kernel> {
        let datasets = datasets.iter().map(|(dataset_id, variable_name)| KernelDataset {
            dataset_id: (*dataset_id).into(),
            variable_name: (*variable_name).into(),
            ..KernelDataset::default()
        });
        let request = CreateKernelRequest {
            datasets: datasets.collect(),
            request_id: request_id(),
            ..CreateKernelRequest::default()
        };
        self.kernels().create_kernel(request).await?.into_inner().kernel.context("no kernel")
    }

    /// Runs code to its end.
    ///
    /// # Errors
    /// What the service answers; an execution without an end.
    pub async fn run(&self, kernel_id: &str, code: &str) -> anyhow::Result<Run> {
        let request = ExecuteRequest {
            kernel_id: kernel_id.into(),
            code: code.into(),
            request_id: request_id(),
            ..ExecuteRequest::default()
        };
        let mut stream = self.executions().execute(request).await?.into_inner();
        let mut run = Run::default();
        while let Some(message) = stream.message().await? {
            if let Some(execution) = message.execution {
                run.execution_id = execution.execution_id;
            }
            run.events.extend(message.event);
        }
        run.check()?;
        Ok(run)
    }

    /// The caller's newest history entries.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn history_page(&self) -> anyhow::Result<(Vec<HistoryEntry>, i64)> {
        let answer = self.history().list_history(ListHistoryRequest::default()).await?.into_inner();
        Ok((answer.entries, answer.total_size))
    }

    /// Waits until the history tells of this many analyses in all.
    ///
    /// # Errors
    /// They do not come, or more come.
    pub async fn history_of(&self, total: i64) -> anyhow::Result<Vec<HistoryEntry>> {
        let limit = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (entries, found) = self.history_page().await?;
            ensure!(found <= total, "{found} entries where {total} were to come");
            if found == total {
                return Ok(entries);
            }
            if tokio::time::Instant::now() > limit {
                bail!("{found} entries after {PATIENCE:?} where {total} were to come");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What an execution said, to its end.
#[derive(Debug, Default)]
pub struct Run {
    /// Which one.
    pub execution_id: String,
    /// Its events.
    pub events: Vec<OutputEvent>,
}

impl Run {
    /// The numbers are dense, and there is one end, which is last.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> anyhow::Result<()> {
        for (event, number) in self.events.iter().zip(1..) {
            ensure!(event.sequence == number, "event {number} has the number {}", event.sequence);
        }
        let ends = self.events.iter().filter(|event| matches!(event.event, Some(Event::Finished(_)))).count();
        ensure!(ends == 1 && self.finished().is_some(), "{ends} ends in {} events", self.events.len());
        Ok(())
    }

    /// Its end.
    #[must_use]
    pub fn finished(&self) -> Option<&FinishedEvent> {
        match self.events.last()?.event.as_ref()? {
            Event::Finished(finished) => Some(finished),
            _ => None,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.finished().map_or(Outcome::Unspecified, FinishedEvent::outcome)
    }

    /// What it printed on a stream.
    #[must_use]
    pub fn printed(&self, name: StreamName) -> String {
        let texts = self.events.iter().filter_map(|event| match &event.event {
            Some(Event::Stream(stream)) if stream.name() == name => Some(stream.text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// The value of its last expression, as plain text.
    #[must_use]
    pub fn result(&self) -> Option<&str> {
        use fenxi_proto::analysis::v1::mime_part::Content;
        let bundle = self.events.iter().find_map(|event| match &event.event {
            Some(Event::Result(result)) => result.bundle.as_ref(),
            _ => None,
        })?;
        let part = bundle.parts.iter().find(|part| part.mime_type == "text/plain")?;
        match part.content.as_ref()? {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A channel to the house's door without a credential.
///
/// # Errors
/// The address is none.
pub fn door(house: &House) -> anyhow::Result<Channel> {
    channel(&format!("http://{}", house.gateway()))
}

/// A channel to the house's door with a credential.
///
/// # Errors
/// The credential is no header.
pub fn with_credential(house: &House, secret: &str) -> anyhow::Result<SignedIn> {
    Ok(InterceptedService::new(door(house)?, Bearer::new(secret)?))
}

fn login_secret(metadata: &tonic::metadata::MetadataMap) -> anyhow::Result<String> {
    let secret = metadata.get(METADATA_LOGIN_SESSION).context("no LoginSession in the answer")?;
    Ok(secret.to_str()?.to_owned())
}
