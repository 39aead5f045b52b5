//! Limits over several instances on one table.

use std::sync::Arc;

use aws::{Ledger, limits::TableLimiter};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    clock::ManualClock,
    limit::{Limiter, Policy},
};
use testkit::TestStore;

const STRICT: Policy = Policy { name: "sign-in", quota: 10 };
const USER: Policy = Policy { name: "user", quota: 100 };
const ADDRESS: Policy = Policy { name: "address", quota: 1000 };

/// Instances that share one table and one clock.
struct House {
    instances: Vec<Arc<TableLimiter>>,
    clock: ManualClock,
    _store: TestStore,
}

impl House {
    async fn of(instances: usize) -> Self {
        let store = TestStore::open().await;
        let clock = ManualClock::at("2026-05-04T10:00:00Z".parse::<Timestamp>().unwrap());
        let mut limiters = Vec::new();
        for _ in 0..instances {
            limiters.push(Arc::new(store.limiter(Arc::new(clock.clone())).await));
        }
        Self { instances: limiters, clock, _store: store }
    }

    /// Whether the request passes at this instance.
    async fn passes(&self, instance: usize, policy: Policy) -> bool {
        let limiter = &self.instances[instance % self.instances.len()];
        limiter.count(policy, "ada").await.refused_for.is_none()
    }

    fn advance(&self, millis: i64) {
        self.clock.advance(SignedDuration::from_millis(millis));
    }
}

#[tokio::test]
async fn several_instances_let_no_more_pass_than_one() {
    for policy in [STRICT, USER] {
        let house = House::of(3).await;
        let mut passed = 0;
        for n in 0..policy.quota as usize * 3 {
            passed += u32::from(house.passes(n, policy).await);
        }
        assert!(passed <= policy.quota, "{passed} of {}", policy.quota);
        // A rest that is not worth a write may stay in the bucket.
        assert!(passed >= policy.quota - 5, "{passed} of {}", policy.quota);
    }
}

#[tokio::test]
async fn one_instance_lets_exactly_the_quota_pass() {
    let house = House::of(1).await;
    for policy in [STRICT, USER, ADDRESS] {
        let mut passed = 0;
        for _ in 0..policy.quota + 20 {
            passed += u32::from(house.passes(0, policy).await);
        }
        assert_eq!(passed, policy.quota);
    }
}

#[tokio::test]
async fn requests_at_the_same_time_are_counted_one_by_one() {
    let house = House::of(2).await;
    let mut requests = tokio::task::JoinSet::new();
    for n in 0..200 {
        let limiter = house.instances[n % 2].clone();
        requests.spawn(async move { limiter.count(USER, "ada").await.refused_for.is_none() });
    }
    let passed = requests.join_all().await.into_iter().filter(|passed| *passed).count();
    assert!((90..=100).contains(&passed), "{passed}");
}

#[tokio::test]
async fn who_keeps_hammering_gets_what_refills_and_not_more() {
    let house = House::of(2).await;
    let (mut passed, mut asked) = (0, 0);
    let ((), ledger) = Ledger::of(async {
        for n in 0..10 * 60 * 5 {
            asked += 1;
            passed += u32::from(house.passes(n, USER).await);
            house.advance(200);
        }
    })
    .await;
    // The full bucket and ten minutes of refill.
    assert!(passed <= 1100, "{passed}");
    assert!(passed >= 1000, "{passed}: a hammering caller keeps the rate");
    let writes = ledger.calls().len();
    assert!(writes * 5 <= asked, "{writes} calls for {asked} requests");
}

#[tokio::test]
async fn a_steady_caller_costs_at_most_a_fifth_of_a_write_per_request() {
    for instances in [1, 2, 3] {
        let house = House::of(instances).await;
        let requests = 600;
        let ((), ledger) = Ledger::of(async {
            for n in 0..requests {
                assert!(house.passes(n, USER).await && house.passes(n, ADDRESS).await);
                house.advance(1_000);
            }
        })
        .await;
        let calls = ledger.calls();
        assert!(calls.iter().all(|call| call.operation == "UpdateItem"));
        let writes = calls.len();
        assert!(writes * 5 <= requests, "{writes} writes over {instances} instances");
    }
}

#[tokio::test]
async fn refused_requests_cost_nothing() {
    let house = House::of(1).await;
    while house.passes(0, STRICT).await {}
    let (refused, ledger) = Ledger::of(async {
        let mut refused = 0;
        for _ in 0..100 {
            refused += u32::from(!house.passes(0, STRICT).await);
        }
        refused
    })
    .await;
    assert_eq!((refused, ledger.calls().len()), (100, 0));
}

#[tokio::test]
async fn the_wait_that_is_told_is_long_enough() {
    let house = House::of(1).await;
    while house.passes(0, STRICT).await {}
    let standing = house.instances[0].count(STRICT, "ada").await;
    assert_eq!((standing.remaining, standing.refused_for, standing.whole_in), (0, Some(6), 60));
    house.advance(5_999);
    assert!(!house.passes(0, STRICT).await);
    house.advance(1);
    assert!(house.passes(0, STRICT).await);
}

#[tokio::test]
async fn one_callers_requests_do_not_count_against_another() {
    let house = House::of(1).await;
    while house.passes(0, STRICT).await {}
    assert!(house.instances[0].count(STRICT, "bob").await.refused_for.is_none());
    assert!(house.passes(0, USER).await, "nor against another policy");
}
