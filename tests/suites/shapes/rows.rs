// Included in each column, after `World`.

#[tokio::test]
async fn tenants_never_meet() {
    use members::{Member, MemberChanges, NewMember};
    let world = World::new();
    let (_, cache) = process!(world, [Member]);
    let (_, other) = process!(world, [Member]);
    let (rows, seen) = (cache.repository::<Member>(), other.repository::<Member>());
    let member = |tenant: &str, id: i64, team: i64| NewMember {
        tenant: tenant.to_owned(),
        id,
        login: format!("u{id}"),
        team,
    };
    // The same keys, logins and teams in both.
    for (tenant, id) in [("a", 1), ("a", 2), ("b", 1), ("b", 2)] {
        assert!(seen.find((tenant, id)).await.unwrap().is_none(), "and its absence is cached");
        rows.insert(member(tenant, id, 7)).await.unwrap();
    }
    let theirs = async |tenant: &'static str| {
        let login = seen.find_by_login(tenant, "u1").await.unwrap();
        let list = seen.list_by_team(tenant.to_owned(), 7).await.unwrap();
        let one = seen.find((tenant, 1)).await.unwrap();
        let many = seen.find_many([(tenant, 1), (tenant, 2)]).await.unwrap();
        let all = login.iter().chain(&list).chain(&one).chain(many.iter().flatten());
        assert!(all.clone().all(|row| row.tenant == tenant), "another tenant's row");
        let mut ids: Vec<_> = list.iter().map(|row| (row.id, row.login.clone())).collect();
        ids.extend(login.iter().chain(&one).map(|row| (row.id, row.login.clone())));
        ids
    };
    let before = theirs("b").await;
    assert_eq!(before.len(), 4);
    settle().await;
    let renamed = || MemberChanges { login: Some("z".into()), team: None };
    let moved = || MemberChanges { login: None, team: Some(8) };
    // Whatever is done to one tenant is nothing to the other, and yet its own is followed.
    rows.update(("a", 1), renamed()).await.unwrap().unwrap();
    assert_eq!(theirs("b").await, before);
    assert!(seen.find_by_login("a", "u1").await.unwrap().is_none());
    assert_eq!(seen.find_by_login("a", "z").await.unwrap().unwrap().tenant, "a");
    rows.upsert(("a", 2), member("a", 2, 7), moved()).await.unwrap();
    assert_eq!(theirs("b").await, before);
    assert_eq!(seen.list_by_team("a".into(), 8).await.unwrap().len(), 1);
    rows.upsert_by_login("a", "z", member("a", 9, 7), moved()).await.unwrap();
    rows.delete(("a", 1)).await.unwrap().unwrap();
    rows.update_where(members::members::tenant.eq("a"), moved()).await.unwrap();
    rows.refresh(("a", 2)).await.unwrap().unwrap();
    rows.invalidate(("a", 2)).await;
    rows.invalidate_many([("a", 1), ("a", 2)]).await;
    rows.invalidate_by_login("a", "u1").await;
    rows.invalidate_list_by_team("a".into(), 7).await;
    cache.transaction(async |tx| tx.touch::<Member>([("a", 2)]).await).await.unwrap();
    rows.delete_where(members::members::tenant.eq("a")).await.unwrap();
    assert_eq!(theirs("b").await, before);
    assert!(seen.find_many([("a", 1), ("a", 2)]).await.unwrap().iter().all(Option::is_none));
}

#[tokio::test]
async fn a_tenant_beside_the_key_finds_its_own_rows_alone() {
    use members::{Desk, DeskChanges, NewDesk};
    let world = World::new();
    let (_, cache) = process!(world, [Desk]);
    let desks = cache.repository::<Desk>();
    let desk = desks.insert(NewDesk { id: 1, tenant: 5, place: "door".into() }).await.unwrap();
    assert_eq!(desks.find((5, 1)).await.unwrap(), Some(desk));
    assert!(desks.find((6, 1)).await.unwrap().is_none(), "nor does another tenant by its key");
    let change = || DeskChanges { place: "window".into() };
    assert!(desks.update((6, 1), change()).await.unwrap().is_none());
    assert!(desks.delete((6, 1)).await.unwrap().is_none());
    assert_eq!(desks.update((5, 1), change()).await.unwrap().unwrap().place, "window");
    assert!(desks.find((6, 1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_login_is_found_in_any_spelling_while_its_owner_is_there() {
    use people::{NewPerson, Person, Rename, Retire};
    let world = World::new();
    let (gate, cache) = process!(world, [Person]);
    let (_, other) = process!(world, [Person]);
    let (rows, seen) = (cache.repository::<Person>(), other.repository::<Person>());
    let of = |found: Option<Arc<Person>>| found.map(|row| row.id);
    assert_eq!(of(seen.find_by_login("ANN").await.unwrap()), None);
    let person = |id, login: &'static str| NewPerson { id, login: login.into(), nick: None };
    rows.insert(person(1, "Ann")).await.unwrap();
    for spelling in ["ann", "Ann", "ANN"] {
        assert_eq!(of(seen.find_by_login(spelling).await.unwrap()), Some(1), "{spelling}");
    }
    settle().await;
    let loads = gate.passed("load:before");
    assert_eq!(of(rows.find_by_login("aNN").await.unwrap()), Some(1));
    settle().await;
    assert_eq!(of(rows.find_by_login("anN").await.unwrap()), Some(1));
    assert!(gate.passed("load:before") <= loads + 1, "one entry for all spellings");

    // Deleted, the login is free; another takes it; then that one goes, and the first comes back.
    rows.update(1, Retire { deleted_at: Some(9) }).await.unwrap();
    assert_eq!(of(seen.find_by_login("ann").await.unwrap()), None);
    assert_eq!(of(seen.find(1).await.unwrap()), Some(1), "its row is there");
    assert_eq!(seen.list_all().await.unwrap().len(), 0);
    rows.insert(person(2, "ANN")).await.unwrap();
    assert_eq!(of(seen.find_by_login("ann").await.unwrap()), Some(2));
    rows.update(2, Retire { deleted_at: Some(9) }).await.unwrap();
    rows.update(1, Retire { deleted_at: None }).await.unwrap();
    assert_eq!(of(seen.find_by_login("Ann").await.unwrap()), Some(1));
    assert_eq!(seen.list_all().await.unwrap().len(), 1);

    // A column that can be NULL has three kinds of change: none, a value, NULL.
    let nick = |nick| Rename { nick, login: None };
    rows.update(1, nick(Some(Some("Queen".into())))).await.unwrap();
    assert_eq!(of(seen.find_by_nick("QUEEN").await.unwrap()), Some(1));
    rows.update(1, Rename { login: Some("Anna".into()), nick: None }).await.unwrap();
    assert_eq!(of(seen.find_by_nick("queen").await.unwrap()), Some(1));
    rows.update(1, nick(Some(None))).await.unwrap();
    assert_eq!(of(seen.find_by_nick("queen").await.unwrap()), None);
    let error = rows.update(1, nick(None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EmptyChangeset);

    let ann = rows.upsert_by_login("ANNA", person(3, "anna"), nick(Some(Some("A".into()))));
    assert_eq!(ann.await.unwrap().id, 1, "by its spelling, too");
    assert_eq!(of(seen.find_by_nick("a").await.unwrap()), Some(1));
}

#[tokio::test]
async fn a_row_is_found_by_what_it_does_not_tell() {
    use people::{NewPerson, NewToken, Person, Retire};
    let world = World::new();
    let (_, cache) = process!(world, [Person]);
    let (gate, other) = process!(world, [Person]);
    let (rows, seen) = (cache.repository::<Person>(), other.repository::<Person>());
    let token = |token: Option<&str>| NewToken { token: Some(token.map(str::to_owned)) };
    let by = async |token: &str| seen.find_by_token(token).await.unwrap().map(|row| row.id);
    for id in [1, 2] {
        let login = format!("p{id}").into();
        rows.insert(NewPerson { id, login, nick: None }).await.unwrap();
    }
    assert_eq!(by("red").await, None);
    settle().await;
    rows.update(1, token(Some("red"))).await.unwrap();
    assert_eq!(by("red").await, Some(1), "its absence was cached");
    settle().await;
    let loads = gate.passed("load:before");
    assert_eq!(by("red").await, Some(1));
    settle().await;
    assert_eq!(by("red").await, Some(1));
    assert!(gate.passed("load:before") <= loads + 1, "cached, once the row is");

    // The old value is followed, and the new one, by every kind of write.
    rows.update(1, token(Some("blue"))).await.unwrap();
    assert_eq!((by("red").await, by("blue").await), (None, Some(1)));
    settle().await;
    rows.update_where(people::people::id.eq(1), token(None)).await.unwrap();
    assert_eq!(by("blue").await, None);
    settle().await;
    rows.update(2, token(Some("blue"))).await.unwrap();
    assert_eq!(by("blue").await, Some(2), "another row's");
    settle().await;
    rows.upsert(2, NewPerson { id: 2, login: "x".into(), nick: None }, token(Some("red")))
        .await
        .unwrap();
    assert_eq!((by("red").await, by("blue").await), (Some(2), None));
    settle().await;
    rows.update(2, Retire { deleted_at: Some(1) }).await.unwrap();
    assert_eq!(by("red").await, Some(2), "its own columns are as they are now");
    assert_eq!(seen.find_by_token("red").await.unwrap().unwrap().deleted_at, Some(1));
    settle().await;
    rows.delete(2).await.unwrap();
    assert_eq!(by("red").await, None);
    settle().await;
    cache
        .transaction(async |tx| {
            tx.touch::<Person>([1]).await?;
            tx.repository::<Person>().update(1, token(Some("red"))).await?;
            tx.touch::<Person>([1]).await
        })
        .await
        .unwrap();
    assert_eq!(by("red").await, Some(1));
}

#[tokio::test]
async fn a_session_lives_no_longer_than_it_says() {
    use sessions::{NewSession, Prolong, Session};
    let world = World::new();
    let (gate, cache) = process!(world, [Session]);
    let rows = cache.repository::<Session>();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let session = |token: &str, expires| NewSession {
        token: token.to_owned(),
        user_id: 1,
        expires,
        last_used: 0,
    };
    let loads = async |token: &str| {
        let before = gate.passed("load:before");
        rows.find(token).await.unwrap().unwrap();
        settle().await;
        gate.passed("load:before") - before
    };
    rows.insert(session("past", Some(now - 5))).await.unwrap();
    assert_eq!([loads("past").await, loads("past").await], [1, 1], "not kept");
    rows.insert(session("never", None)).await.unwrap();
    assert_eq!([loads("never").await, loads("never").await], [0, 0], "put");
    rows.insert(session("soon", Some(now + 2))).await.unwrap();
    assert_eq!(loads("soon").await, 0, "put");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(loads("soon").await, 1, "its time is over");
    rows.update("soon", Prolong { expires: now + 60 }).await.unwrap();
    assert_eq!(loads("soon").await, 0, "put, with more life");
}

#[tokio::test]
async fn a_volatile_column_is_no_reason_to_forget_the_row() {
    use sessions::{NewSession, Prolong, Session, Used};
    let world = World::new();
    let (gate, cache) = process!(world, [Session]);
    let rows = cache.repository::<Session>();
    let token = "t".to_owned();
    rows.insert(NewSession { token, user_id: 1, expires: None, last_used: 0 }).await.unwrap();
    let used = rows.update("t", Used { last_used: 5 }).await.unwrap().unwrap();
    assert_eq!(used.last_used, 5, "the write tells what it left");
    let kept = rows.find("t").await.unwrap().unwrap();
    assert_eq!((kept.last_used, gate.passed("load:before")), (0, 0), "as it was put");
    assert_eq!(rows.find_uncached("t").await.unwrap().unwrap().last_used, 5);
    rows.update_where(sessions::sessions::user_id.eq(1), Used { last_used: 6 }).await.unwrap();
    assert_eq!(rows.find("t").await.unwrap().unwrap().last_used, 0);
    // A change of anything else brings it up to date.
    let expires = i64::MAX / 2_000_000_000;
    rows.update("t", Prolong { expires }).await.unwrap();
    assert_eq!(rows.find("t").await.unwrap().unwrap().last_used, 6);
    // A row that is saved as a whole does not take others' changes back.
    world.server.execute("UPDATE sessions SET last_used = 7");
    let saved = cache
        .transaction(async |tx| {
            let mut row = tx.repository::<Session>().lock("t").await?.unwrap();
            row.user_id = 2;
            row.last_used = 0;
            tx.repository::<Session>().save_locked(row).await
        })
        .await
        .unwrap();
    assert_eq!((saved.user_id, saved.last_used), (2, 7));
}

#[tokio::test]
async fn an_embedded_key_is_a_key() {
    use links::{Identity, Link, LinkChanges, NewLink};
    let world = World::new();
    let (gate, cache) = process!(world, [Link]);
    let rows = cache.repository::<Link>();
    for (subject, name, score) in [(1, "ann", 5), (2, "bob", 9)] {
        let identity = Identity::new("git", subject, name);
        let link = rows.insert(NewLink { identity: identity.clone(), score }).await.unwrap();
        assert_eq!((&link.identity, link.key()), (&identity, ("git".to_owned(), subject)));
    }
    assert_eq!(Link::DESCRIPTOR.columns, ["score", "provider", "subject", "handle"]);
    let ann = rows.find(("git", 1)).await.unwrap().unwrap();
    settle().await;
    let loads = gate.passed("load:before");
    assert_eq!(rows.find(("git", 1)).await.unwrap(), Some(ann.clone()), "from bytes, too");
    assert_eq!(gate.passed("load:before"), loads);
    assert_eq!(rows.find_by_handle("ann").await.unwrap(), Some(ann));
    let order = async || {
        let rows = rows.list_by_provider("git".to_owned()).await.unwrap();
        rows.iter().map(|row| row.key().1).collect::<Vec<_>>()
    };
    assert_eq!(order().await, [2, 1]);
    let change = LinkChanges { handle: Some("anna".into()), score: Some(10) };
    rows.update(("git", 1), change).await.unwrap().unwrap();
    assert!(rows.find_by_handle("ann").await.unwrap().is_none());
    assert_eq!(rows.find_by_handle("anna").await.unwrap().unwrap().score, 10);
    assert_eq!(order().await, [1, 2]);
}

#[tokio::test]
async fn a_post_shows_its_authors_name() {
    use posts::{Author, AuthorChanges, Edited, NewAuthor, NewPost, Post, PostChanges, Shown};
    let world = World::new();
    let (_, cache) = process!(world, [Author, Post, Shown, Edited]);
    let (gate, other) = process!(world, [Author, Post, Shown, Edited]);
    let (authors, written) = (cache.repository::<Author>(), cache.repository::<Post>());
    let (shown, edited) = (other.repository::<Shown>(), other.repository::<Edited>());
    for (id, name) in [(1, "ann"), (2, "bob")] {
        authors.insert(NewAuthor { id, name: name.to_owned() }).await.unwrap();
    }
    assert!(shown.find(7).await.unwrap().is_none(), "and this is remembered");
    assert_eq!(shown.list_by_author(1).await.unwrap(), []);
    settle().await;
    let post = |id| NewPost { id, author: 1, editor: None, title: "t".into(), words: 3 };
    written.insert(post(7)).await.unwrap();
    let show = async || shown.find(7).await.unwrap().map(|row| row.author_name.clone());
    let edits = async || edited.find(7).await.unwrap().and_then(|row| row.editor_name.clone());
    assert_eq!((show().await, edits().await), (Some("ann".into()), None));
    assert_eq!(shown.list_by_author(1).await.unwrap().len(), 1);
    settle().await;
    let loads = gate.passed("load:before");
    assert_eq!((show().await, edits().await), (Some("ann".into()), None));
    assert_eq!(gate.passed("load:before"), loads, "cached");

    // Both tables' writes are followed.
    authors.update(1, AuthorChanges { name: "anna".into() }).await.unwrap();
    assert_eq!(show().await.as_deref(), Some("anna"));
    let by = PostChanges { author: Some(2), editor: Some(Some(1)), title: None };
    written.update(7, by).await.unwrap();
    assert_eq!((show().await.as_deref(), edits().await.as_deref()), (Some("bob"), Some("anna")));
    assert_eq!(shown.list_by_author(1).await.unwrap(), []);
    assert_eq!(shown.list_by_author(2).await.unwrap().len(), 1);
    settle().await;
    authors.update_where(posts::authors::id.gt(0), AuthorChanges { name: "x".into() }).await.unwrap();
    assert_eq!((show().await.as_deref(), edits().await.as_deref()), (Some("x"), Some("x")));
    settle().await;
    cache
        .transaction(async |tx| {
            tx.repository::<Author>().update(2, AuthorChanges { name: "y".into() }).await?;
            let undone: Result<(), Error> = tx
                .savepoint(async |tx| {
                    let name = "never".to_owned();
                    tx.repository::<Author>().update(2, AuthorChanges { name }).await?;
                    Err(Error::new(ErrorKind::Conflict, "undone"))
                })
                .await;
            assert!(undone.is_err());
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(show().await.as_deref(), Some("y"));
    settle().await;
    world.server.execute("UPDATE authors SET name = 'z' WHERE id = 2");
    authors.invalidate(2).await;
    assert_eq!(show().await.as_deref(), Some("z"), "and so is what the application says");
    settle().await;
    authors.delete(2).await.unwrap();
    assert_eq!(show().await, None, "there is nothing to join");
    written.delete(7).await.unwrap();
    assert_eq!(edits().await, None);
}

#[tokio::test]
async fn a_view_is_read_and_its_age_is_bounded() {
    use posts::Productive;
    let world = World::new();
    world.server.execute("INSERT INTO posts VALUES (1, 5, NULL, 't', 10)");
    let (_, cache) = process!(world, [Productive]);
    let rows = cache.repository::<Productive>();
    assert_eq!(rows.find(5).await.unwrap().unwrap().total, 1);
    settle().await;
    world.server.execute("INSERT INTO posts VALUES (2, 5, NULL, 't', 7)");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(rows.find(5).await.unwrap().unwrap().total, 2);
}

/// What the application's own transactions do is followed as far as what the cache writes.
#[tokio::test]
async fn raw_changes_are_followed_to_what_is_concealed_and_to_what_is_shown() {
    use people::{NewPerson, NewToken, Person};
    use posts::{Author, Edited, NewAuthor, NewPost, Post, Shown};
    let world = World::new();
    let (_, cache) = process!(world, [Person, Author, Post, Shown, Edited]);
    let people = cache.repository::<Person>();
    people.insert(NewPerson { id: 1, login: "a".into(), nick: None }).await.unwrap();
    people.update(1, NewToken { token: Some(Some("red".into())) }).await.unwrap();
    assert!(people.find_by_token("red").await.unwrap().is_some());
    settle().await;
    let mut connection = world.server.pool.get().unwrap();
    let touched = cache.touch::<Person>(&mut *connection, [1]).unwrap();
    world.server.execute("UPDATE people SET token = 'blue' WHERE id = 1");
    touched.and(cache.touch::<Person>(&mut *connection, [1]).unwrap()).committed().await;
    assert!(people.find_by_token("red").await.unwrap().is_none(), "a secret that was withdrawn");
    assert!(people.find_by_token("blue").await.unwrap().is_some());

    let shown = cache.repository::<Shown>();
    for id in [1, 2] {
        let name = "n".to_owned();
        cache.repository::<Author>().insert(NewAuthor { id, name }).await.unwrap();
        let post = NewPost { id, author: id, editor: None, title: "t".into(), words: 1 };
        cache.repository::<Post>().insert(post).await.unwrap();
        assert!(shown.find(id).await.unwrap().is_some());
    }
    settle().await;
    world.server.execute("DELETE FROM posts WHERE id = 1");
    cache.touch::<Post>(&mut *connection, [1]).unwrap().committed().await;
    assert!(shown.find(1).await.unwrap().is_none(), "it is gone");
    world.server.execute("DELETE FROM authors WHERE id = 2");
    cache.repository::<Author>().invalidate(2).await;
    assert!(shown.find(2).await.unwrap().is_none(), "there is nothing to join");
}

#[tokio::test]
async fn an_upsert_that_changes_what_is_volatile_leaves_the_row() {
    use sessions::{NewSession, Session, Used};
    let world = World::new();
    let (gate, cache) = process!(world, [Session]);
    let rows = cache.repository::<Session>();
    let new = || NewSession { token: "t".into(), user_id: 1, expires: None, last_used: 0 };
    rows.insert(new()).await.unwrap();
    rows.upsert("t", new(), Used { last_used: 5 }).await.unwrap();
    assert_eq!(rows.find("t").await.unwrap().unwrap().last_used, 0, "as it was put");
    assert_eq!(gate.passed("load:before"), 0);
}
