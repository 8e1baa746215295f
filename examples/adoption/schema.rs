//! The tables of `up.sql`, as `diesel print-schema` writes them.

diesel::table! {
    users (id) {
        id -> BigInt,
        login -> Text,
        email -> Nullable<Text>,
        display_name -> Nullable<Text>,
        is_admin -> Bool,
        legacy_uid -> Nullable<BigInt>,
        created_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    credentials (user_id) {
        user_id -> BigInt,
        password_hash -> Text,
        failed_attempts -> Integer,
        locked_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    sessions (token_hash) {
        token_hash -> Binary,
        user_id -> BigInt,
        user_agent -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        token_hash -> Binary,
        scopes -> Text,
        revoked -> Bool,
        created_at -> Timestamp,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    organizations (id) {
        id -> BigInt,
        slug -> Text,
        billing_email -> Nullable<Text>,
        plan -> Text,
        seats -> Integer,
        suspended_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    members (organization_id, user_id) {
        organization_id -> BigInt,
        user_id -> BigInt,
        role -> Text,
        added_at -> Timestamp,
    }
}

diesel::table! {
    settings (organization_id, name) {
        organization_id -> BigInt,
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    packages (id) {
        id -> BigInt,
        name -> Text,
        canonical_name -> Text,
        organization_id -> Nullable<BigInt>,
        description -> Nullable<Text>,
        homepage -> Nullable<Text>,
        archived -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    releases (id) {
        id -> BigInt,
        package_id -> BigInt,
        number -> Text,
        checksum -> Text,
        size -> BigInt,
        features -> Text,
        yanked -> Bool,
        published_by -> Nullable<BigInt>,
        published_at -> Timestamp,
    }
}

diesel::table! {
    dependencies (release_id, position) {
        release_id -> BigInt,
        position -> Integer,
        package_name -> Text,
        requirement -> Text,
        optional -> Bool,
    }
}

diesel::table! {
    readmes (release_id) {
        release_id -> BigInt,
        body -> Text,
        rendered -> Nullable<Text>,
    }
}

diesel::table! {
    categories (id) {
        id -> BigInt,
        slug -> Text,
        title -> Text,
        description -> Text,
    }
}

diesel::table! {
    package_categories (package_id, category_id) {
        package_id -> BigInt,
        category_id -> BigInt,
    }
}

diesel::table! {
    package_owners (package_id, owner_id, owner_kind) {
        package_id -> BigInt,
        owner_id -> BigInt,
        owner_kind -> Integer,
        added_by -> Nullable<BigInt>,
        deleted -> Bool,
    }
}

diesel::table! {
    invitations (invitee_id, package_id) {
        invitee_id -> BigInt,
        package_id -> BigInt,
        inviter_id -> BigInt,
        code_hash -> Binary,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    follows (user_id, package_id) {
        user_id -> BigInt,
        package_id -> BigInt,
    }
}

diesel::table! {
    downloads (release_id, day) {
        release_id -> BigInt,
        day -> Date,
        count -> BigInt,
    }
}

diesel::table! {
    audit_entries (id) {
        id -> BigInt,
        actor_id -> Nullable<BigInt>,
        action -> Text,
        subject -> Text,
        at -> Timestamp,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        kind -> Text,
        payload -> Text,
        attempts -> Integer,
        run_at -> Timestamp,
    }
}

diesel::table! {
    /// A view.
    package_stats (package_id) {
        package_id -> BigInt,
        releases -> BigInt,
        followers -> BigInt,
        downloads -> BigInt,
    }
}

diesel::joinable!(package_categories -> categories (category_id));
diesel::joinable!(package_categories -> packages (package_id));
diesel::joinable!(package_owners -> packages (package_id));
diesel::joinable!(releases -> packages (package_id));

diesel::allow_tables_to_appear_in_same_query!(
    categories,
    package_categories,
    package_owners,
    packages,
    releases,
);
