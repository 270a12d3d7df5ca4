//! Signing in with Feishu in a house: a fake of it with two people, and what auth-service has to be told.

use fenxi_chassis::clock::Clock;
use tempfile::NamedTempFile;

use super::House;
use crate::fakes::feishu::{App, FakeFeishu, Person};

const APP_ID: &str = "cli_house";
const APP_SECRET: &str = "the-secret-of-the-app-at-the-fake";
/// The organisation whose people may sign in.
const TENANT: &str = "t_here";

/// A fake for a house, with its setting files. It ends when dropped.
pub struct HouseFeishu {
    fake: FakeFeishu,
    secret: NamedTempFile,
}

impl HouseFeishu {
    /// With 王小明, who may sign in, and 李雷 of another organisation.
    ///
    /// # Errors
    /// There is no free port, or no room for a file.
    pub async fn start() -> anyhow::Result<Self> {
        let fake = FakeFeishu::start(Clock::system()).await?;
        for (open_id, name, tenant) in [("ou_ming", "王小明", TENANT), ("ou_lei", "李雷", "t_elsewhere")] {
            fake.welcome(Person { name: name.to_owned(), ..Person::new(open_id, tenant) });
        }
        let secret = NamedTempFile::new()?;
        std::fs::write(secret.path(), APP_SECRET)?;
        Ok(Self { fake, secret })
    }

    /// Where its pages are.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.fake.url
    }

    /// The settings of a house that lets people in by it.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("FENXI_AUTH_FEISHU_APP_ID", APP_ID.to_owned()),
            ("FENXI_AUTH_FEISHU_APP_SECRET_FILE", self.secret.path().display().to_string()),
            ("FENXI_AUTH_FEISHU_TENANTS", TENANT.to_owned()),
            ("FENXI_AUTH_FEISHU_ACCOUNTS_URL", self.fake.url.clone()),
            ("FENXI_AUTH_FEISHU_OPEN_URL", self.fake.url.clone()),
        ]
    }

    /// Tells the fake where the house is, once it is there.
    pub fn register(&self, house: &House) {
        self.fake.register(App {
            app_id: APP_ID.to_owned(),
            app_secret: APP_SECRET.to_owned(),
            redirect_urls: vec![format!("{}/auth/feishu/callback", house.url())],
            other_brand: false,
            disabled: false,
            scopes: Vec::new(),
        });
    }
}
