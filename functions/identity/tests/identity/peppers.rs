//! A key that passwords are hashed with, turned on and rotated while people go on signing in.

use kernel::id::TenantId;

use crate::common::{PASSWORD, World};

const VARIABLE: &str = "PLINTH_IDENTITY_PASSWORD_PEPPER";
const FIRST: &str = "the first of the peppers, which is long enough";
const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn a_pepper_comes_into_use_and_changes_at_the_next_sign_in() {
    let first = FIRST.replace([' ', ','], "-");
    let second = first.replace("first", "second");
    let both = format!("{second} {first}");
    let world = World::open().await;
    world.active(TenantId::new(), EMAIL).await;
    let mut seen = vec![world.hash_of(EMAIL).await];
    assert!(!seen[0].contains("keyid"));
    let mut world = world;
    for peppers in [&first, &both, &second] {
        world = world.with_settings(&[(VARIABLE, peppers)]).await;
        assert_eq!(world.check(EMAIL, "not the password").await["outcome"], "wrong");
        assert_eq!(world.check(EMAIL, PASSWORD).await["outcome"], "right");
        assert_eq!(world.check(EMAIL, PASSWORD).await["outcome"], "right");
        seen.push(world.hash_of(EMAIL).await);
    }
    assert!(seen[1].contains("keyid") && seen[2].contains("keyid"), "{seen:?}");
    assert_ne!(seen[1], seen[2]);
    // The old pepper may go once everybody has signed in, or when the rest get a password reset.
    assert_eq!(seen[2], seen[3]);
    let world = world.with_settings(&[]).await;
    assert_eq!(world.check(EMAIL, PASSWORD).await["outcome"], "wrong");
}
