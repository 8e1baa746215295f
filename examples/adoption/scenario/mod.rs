//! What happens to the registry in a day, the same for both applications, and a digest of every
//! answer that it gave.

mod log;
mod traffic;

use std::time::SystemTime;

use chrono::{DateTime, Duration, NaiveDateTime};

use self::log::Log;
use self::traffic::Traffic;
use crate::models::{
    Billing, ImportedUser, Json, NewMember, OrganizationId, PackageChanges, PackageId,
    ProfileChanges, ReleaseId, Role, Scopes, TokenChanges, UserId,
};
use crate::services::{AppResult, Registry, Upload};

/// How often the pages are read between two changes.
const ROUNDS: usize = 40;

/// Runs everything; gives what to print.
pub fn play(registry: &Registry) -> Result<String, Box<dyn std::error::Error>> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let now = DateTime::from_timestamp(i64::try_from(seconds)?, 0).ok_or("no time")?.naive_utc();
    let mut day = Day { registry, now, log: Log::new(now), traffic: Traffic::default() };
    let people = day.people()?;
    let team = day.team(&people)?;
    let package = day.packages(&people, team)?;
    day.changes(&people, team, package)?;
    day.ends(&people, team, package)?;
    Ok(format!("{} answers\ndigest {}", day.log.answers(), day.log.digest()))
}

struct People {
    ada: UserId,
    ben: UserId,
    cleo: UserId,
}

struct Day<'r> {
    registry: &'r Registry,
    now: NaiveDateTime,
    log: Log,
    traffic: Traffic,
}

impl Day<'_> {
    /// Reads every page some times: what was written must be seen by the first of them.
    fn read(&mut self) -> AppResult<()> {
        for _ in 0..ROUNDS {
            self.traffic.read(self.registry, self.now, &mut self.log)?;
        }
        Ok(())
    }

    fn people(&mut self) -> AppResult<People> {
        let (registry, now) = (self.registry, self.now);
        self.log.outcome("nobody yet", registry.user_by_login("ada").map(|row| row.is_some()));
        let ada = registry.sign_up("Ada", Some("ada@example.org"), "secret", now)?.id;
        let ben = registry.sign_up("ben", None, "secret", now)?.id;
        let cleo = registry.sign_up("cleo", None, "secret", now)?.id;
        self.log.outcome("taken", registry.sign_up("ADA", None, "x", now).map(|user| user.id));
        let imported = ImportedUser { login: "old".into(), legacy_uid: 7, created_at: now };
        self.log.outcome("import", registry.import_users(vec![imported]));
        self.traffic.users = vec![ada, ben, cleo];
        self.traffic.logins = vec!["ada", "ADA", "ben", "old", "nobody"];

        for password in ["guess", "guess", "secret"] {
            let token = registry.sign_in("ben", password, "browser", now);
            self.log.outcome("sign in", token.as_ref().map(|_| ()));
            self.traffic.sessions.extend(token);
        }
        self.traffic.sessions.push(registry.sign_in("cleo", "secret", "phone", now)?);
        self.read()?;

        let scopes = Scopes(vec!["publish".into(), "read".into()]);
        registry.create_token(ada, "ci", "ada-ci", &scopes, now)?;
        registry.create_token(ada, "old", "ada-old", &Scopes(vec!["read".into()]), now)?;
        registry.create_token(ben, "laptop", "ben-laptop", &scopes, now)?;
        self.traffic.tokens = vec!["ada-ci", "ada-old", "ben-laptop", "stolen"];
        self.read()?;
        Ok(People { ada, ben, cleo })
    }

    fn team(&mut self, people: &People) -> AppResult<OrganizationId> {
        let (registry, now) = (self.registry, self.now);
        let id = registry.found_organization("acme", people.ada, now)?.id;
        self.traffic.slugs = vec!["acme", "umbrella"];
        self.traffic.organizations = vec![id];
        self.traffic.settings = vec!["theme", "retention"];
        self.read()?;
        let member =
            |user_id, role| NewMember { organization_id: id, user_id, role, added_at: now };
        registry.set_role(member(people.ben, Role::Reader))?;
        registry.set(id, "theme", Json(serde_json::json!({"dark": true, "hues": [1, 2.5]})))?;
        self.read()?;
        registry.set_role(member(people.ben, Role::Publisher))?;
        registry.set(id, "theme", Json(serde_json::json!(null)))?;
        let billing = |seats, email: Option<&str>| Billing {
            billing_email: email.map(str::to_owned),
            plan: "team".into(),
            seats,
        };
        self.log.outcome(
            "billing",
            registry.save_billing(id, billing(2, Some("pay@example.org"))).map(|row| row.seats),
        );
        self.log.outcome("no seat", registry.set_role(member(people.cleo, Role::Reader)));
        registry.save_billing(id, billing(9, None))?;
        registry.set_role(member(people.cleo, Role::Reader))?;
        self.read()?;
        Ok(id)
    }

    fn upload<'a>(&self, name: &'a str, number: &'a str) -> Upload<'a> {
        Upload {
            name,
            number,
            description: Some("does things"),
            organization: None,
            content: number.as_bytes(),
            features: Json(serde_json::json!({"default": ["std"], "std": []})),
            dependencies: &[("serde", "^1"), ("tokio", "^1.40?")],
            readme: Some("# It does things"),
        }
    }

    fn packages(&mut self, people: &People, team: OrganizationId) -> AppResult<PackageId> {
        let (registry, now) = (self.registry, self.now);
        for (slug, title) in [("web", "Web"), ("web/http", "HTTP"), ("data", "Data")] {
            registry.create_category(slug, title)?;
        }
        self.traffic.categories = vec!["web", "web/http", "net/http", "data"];
        self.traffic.names = vec!["My_Package", "my-package", "acme-tool", "none"];
        self.read()?;

        let (package, release) =
            registry.publish(people.ada, &self.upload("My_Package", "1.0.0"), now)?;
        self.traffic.packages.push(package);
        self.traffic.releases.push(release);
        self.traffic.numbers = vec!["1.0.0", "1.1.0"];
        self.log.outcome("again", {
            registry.publish(people.ada, &self.upload("my-package", "1.0.0"), now).map(|_| ())
        });
        self.log.outcome("not the owner", {
            registry.publish(people.ben, &self.upload("my-package", "2.0.0"), now).map(|_| ())
        });
        let of_team = Upload { organization: Some(team), ..self.upload("acme-tool", "0.1.0") };
        let (tool, _) = registry.publish(people.ben, &of_team, now)?;
        self.traffic.packages.push(tool);
        registry.categorize(package, &["web", "web/http"])?;
        self.read()?;
        self.jobs()?;
        self.read()?;
        Ok(package)
    }

    /// The worker renders what was uploaded.
    fn jobs(&mut self) -> AppResult<()> {
        while let Some(job) = self.registry.next_job(self.now)? {
            let release = ReleaseId(job.payload.parse().unwrap_or_default());
            let readme = self.registry.readme(release)?;
            let html = readme.map(|it| it.html().replace("# ", "<h1>")).unwrap_or_default();
            self.registry.save_rendered(release, html)?;
            self.log.say(format!("{} {} after {}", job.kind, job.payload, job.attempts));
        }
        Ok(())
    }

    fn changes(
        &mut self,
        people: &People,
        team: OrganizationId,
        package: PackageId,
    ) -> AppResult<()> {
        let (registry, now) = (self.registry, self.now);
        let (_, release) =
            registry.publish(people.ada, &self.upload("my_package", "1.1.0"), now)?;
        self.traffic.releases.push(release);
        self.log.outcome("yank", registry.yank(package, "1.0.0", true));
        self.log.outcome("yank", registry.yank(package, "9.9.9", true));
        let text = PackageChanges { description: Some(Some("does more")), ..Default::default() };
        let changed = registry.change_package(package, text)?;
        self.log.say(format!("{:?} {}", changed.description, self.log.offset(changed.updated_at)));
        let page =
            PackageChanges { homepage: Some(Some("https://example.org")), ..Default::default() };
        registry.change_package(package, page)?;
        self.read()?;

        let page = PackageChanges { homepage: Some(None), ..Default::default() };
        registry.change_package(package, page)?;
        let profile =
            ProfileChanges { email: Some(None), display_name: Some(Some("Ada L.".into())) };
        registry.change_profile(people.ada, profile)?;
        self.log.outcome("branch", registry.rename_branch("web", "net"));
        self.log.outcome("invite", registry.invite(package, people.ben, people.cleo, now));
        let code = registry.invite(package, people.ada, people.cleo, now)?;
        self.read()?;
        self.log.outcome("late", registry.accept_invitation(&code, now + Duration::days(31)));
        self.log.outcome("accept", registry.accept_invitation(&code, now));
        self.log.outcome("twice", registry.accept_invitation(&code, now));
        registry.follow(people.ben, package)?;
        registry.follow(people.cleo, package)?;
        let day = now.date();
        registry.count_downloads(&[(release, 3)], day)?;
        registry.count_downloads(&[(release, 4)], day)?;
        registry.change_token(1, TokenChanges { name: Some("build"), revoked: None })?;
        self.read()?;
        registry.suspend(team, Some(now))?;
        let of_team = Upload { organization: Some(team), ..self.upload("acme-tool", "0.2.0") };
        self.log.outcome("suspended", registry.publish(people.ben, &of_team, now).map(|_| ()));
        self.read()
    }

    fn ends(&mut self, people: &People, team: OrganizationId, package: PackageId) -> AppResult<()> {
        let (registry, now) = (self.registry, self.now);
        registry.suspend(team, None)?;
        self.log.outcome("leaves", registry.remove_member(team, people.ben));
        self.log.outcome("leaves", registry.remove_member(team, people.ben));
        let of_team = Upload { organization: Some(team), ..self.upload("acme-tool", "0.2.0") };
        self.log.outcome("left", registry.publish(people.ben, &of_team, now).map(|_| ()));
        registry.remove_owner(package, people.cleo)?;
        registry.unfollow(people.ben, package)?;
        self.log.outcome("unfollow", registry.unfollow_all(people.cleo));
        registry.change_token(2, TokenChanges { name: None, revoked: Some(true) })?;
        self.log.outcome("revoke", registry.revoke_all_tokens(people.ben));
        self.read()?;

        let code = registry.invite(package, people.ada, people.cleo, now)?;
        self.log.outcome("comes back", registry.accept_invitation(&code, now));
        if let Some(token) = self.traffic.sessions.first() {
            registry.sign_out(token)?;
        }
        registry.close_account(people.cleo, now)?;
        self.log.outcome("closed", registry.sign_in("cleo", "secret", "phone", now));
        self.log.outcome(
            "free again",
            registry.sign_up("Cleo", None, "x", now).map(|it| it.login.clone()),
        );
        self.traffic.logins.push("cleo");
        self.read()?;
        registry.sign_in("ada", "secret", "browser", now - Duration::hours(2))?;
        self.log.outcome("expired", registry.delete_expired_sessions(now));
        self.log.outcome(
            "audit",
            registry
                .audit_trail("My_Package")
                .map(|rows| rows.iter().map(|row| row.action.clone()).collect::<Vec<_>>()),
        );
        self.read()
    }
}
