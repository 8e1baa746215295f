//! Every page that is read, with what there is to read.

use chrono::NaiveDateTime;

use super::log::Log;
use crate::models::{OrganizationId, PackageId, PackageStats, Release, ReleaseId, User, UserId};
use crate::services::{AppResult, Registry};

#[derive(Default)]
pub struct Traffic {
    pub users: Vec<UserId>,
    pub logins: Vec<&'static str>,
    pub sessions: Vec<String>,
    pub tokens: Vec<&'static str>,
    pub organizations: Vec<OrganizationId>,
    pub slugs: Vec<&'static str>,
    pub settings: Vec<&'static str>,
    pub names: Vec<&'static str>,
    pub packages: Vec<PackageId>,
    pub numbers: Vec<&'static str>,
    pub releases: Vec<ReleaseId>,
    pub categories: Vec<&'static str>,
}

impl Traffic {
    pub fn read(&self, registry: &Registry, now: NaiveDateTime, log: &mut Log) -> AppResult<()> {
        self.accounts(registry, now, log)?;
        self.organizations(registry, log)?;
        self.packages(registry, log)?;
        self.releases(registry, log)
    }

    fn accounts(&self, registry: &Registry, now: NaiveDateTime, log: &mut Log) -> AppResult<()> {
        for id in &self.users {
            let text = registry.user(*id)?.map(|user| json::<User>(&user));
            log.say(format!("user {id:?} {text:?}"));
            let tokens = registry.tokens_of(*id)?;
            let named = tokens.iter().map(|it| {
                (it.name.clone(), it.is_revoked(), it.last_used_at.map(|at| log.offset(at)))
            });
            let named: Vec<_> = named.collect();
            log.say(format!("tokens {named:?}"));
        }
        for login in &self.logins {
            let row = registry.user_by_login(login)?;
            log.say(format!("{login} is {:?}", row.map(|user| (user.id, user.is_admin))));
        }
        for token in &self.sessions {
            let row = registry.session(token, now)?;
            let row = row.map(|session| (session.user_id, session.user_agent.clone()));
            log.say(format!("session {row:?}"));
        }
        for token in &self.tokens {
            log.outcome("read with", registry.authenticate(token, "read", now));
            log.outcome("publish with", registry.authenticate(token, "publish", now));
        }
        Ok(())
    }

    fn organizations(&self, registry: &Registry, log: &mut Log) -> AppResult<()> {
        for slug in &self.slugs {
            let row = registry.organization_by_slug(slug)?;
            log.say(format!("{slug}: {:?}", row.map(|it| (it.plan.clone(), it.seats))));
        }
        for id in &self.organizations {
            let row = registry.organization(*id)?;
            let row = row.map(|it| (it.billing_email.clone(), it.suspended_at.is_some()));
            log.say(format!("organization {row:?}"));
            for user in &self.users {
                log.outcome("role", registry.role(*id, *user));
            }
            let all = registry.members(*id)?;
            let all: Vec<_> = all.iter().map(|member| (member.user_id, member.role)).collect();
            log.say(format!("members {all:?}"));
            for name in &self.settings {
                log.outcome(name, registry.setting(*id, name));
            }
        }
        Ok(())
    }

    fn packages(&self, registry: &Registry, log: &mut Log) -> AppResult<()> {
        for name in &self.names {
            let text = registry.package(name)?.map(|row| (row.id, row.description.clone()));
            log.say(format!("package {name}: {text:?}"));
        }
        for row in registry.packages(&self.packages)? {
            let changed = log.offset(row.updated_at);
            log.say(format!("{:?} {:?} {changed}", row.name, row.homepage));
        }
        log.outcome("search", registry.search("my"));
        for id in &self.packages {
            for user in &self.users {
                let (owns, follows) =
                    (registry.is_owner(*id, *user)?, registry.follows(*user, *id)?);
                log.say(format!("{user:?} owns {owns}, follows {follows}"));
            }
            let text = registry.stats(*id)?.map(|stats| json::<PackageStats>(&stats));
            log.say(format!("stats {text:?}"));
            log.outcome("categories", registry.categories_of(*id));
        }
        for slug in &self.categories {
            let row = registry.category(slug)?;
            log.say(format!("category {slug}: {:?}", row.map(|row| (row.id, row.title.clone()))));
        }
        Ok(())
    }

    fn releases(&self, registry: &Registry, log: &mut Log) -> AppResult<()> {
        for id in &self.packages {
            for number in &self.numbers {
                let row = registry.release(*id, number)?;
                let text = row.map(|release| json::<Release>(&release));
                log.say(format!("{number}: {text:?}"));
            }
            let all = registry.releases(*id)?;
            let all: Vec<_> = all.iter().map(|row| (row.number.clone(), row.yanked)).collect();
            log.say(format!("releases {all:?}"));
        }
        for id in &self.releases {
            let rows = registry.dependencies(*id)?;
            let rows: Vec<_> =
                rows.iter().map(|it| format!("{} {}", it.package_name, it.requirement)).collect();
            log.say(format!("needs {rows:?}"));
            let html = registry.readme(*id)?.map(|readme| readme.html().to_owned());
            log.say(format!("readme {html:?}"));
        }
        Ok(())
    }
}

/// What the API answers with.
fn json<T: serde::Serialize>(row: &T) -> Option<String> {
    serde_json::to_string(row).ok()
}
