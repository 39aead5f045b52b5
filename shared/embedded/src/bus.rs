//! The event bus: puts each event on the queue of every module that consumes it, and wakes the workers.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::event::{Envelope, PublishError, Publisher, SharedConsumer, matches};
use tokio::sync::Notify;

use crate::{
    queue::{NewMessage, Queues},
    signals::Signals,
    store::StoreError,
    worker::{Retries, Worker},
};

/// A module that consumes events.
pub struct Subscription {
    /// The module's name, which is also its queue's.
    pub module: &'static str,
    /// What its manifest `consumes`.
    pub patterns: &'static [&'static str],
    pub consumer: SharedConsumer,
}

/// The event bus of this machine.
pub struct Bus {
    queues: Queues,
    routes: Vec<Route>,
}

/// Where events of some types go.
struct Route {
    subscription: Subscription,
    wake: Arc<Notify>,
}

impl Bus {
    /// # Errors
    /// When a module subscribes twice: its queue would have two workers, and events no order.
    pub(crate) fn new(
        queues: Queues,
        subscriptions: Vec<Subscription>,
    ) -> Result<Self, StoreError> {
        let mut routes: Vec<Route> = Vec::new();
        for subscription in subscriptions {
            let module = subscription.module;
            if routes.iter().any(|route| route.subscription.module == module) {
                return Err(StoreError::new(format!("module `{module}` subscribes twice")));
            }
            routes.push(Route { subscription, wake: Arc::new(Notify::new()) });
        }
        Ok(Self { queues, routes })
    }

    /// A worker for each subscription.
    pub(crate) fn workers(&self, signals: &Signals, retries: Retries) -> Vec<Worker> {
        let worker = |route: &Route| Worker {
            queue: route.subscription.module,
            consumer: route.subscription.consumer.clone(),
            queues: self.queues.clone(),
            wake: route.wake.clone(),
            signals: signals.clone(),
            retries,
        };
        self.routes.iter().map(worker).collect()
    }

    /// Whether every queue is empty but for dead letters and messages that wait for their next try.
    pub(crate) async fn is_settled(&self) -> Result<bool, StoreError> {
        for route in &self.routes {
            let next = self.queues.next_visible(route.subscription.module).await?;
            if next.is_some_and(|time| time <= crate::queue::now()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The queues behind the bus.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// As [`Queues::redrive`].
    pub async fn redrive(&self, id: i64) -> Result<bool, StoreError> {
        let found = self.queues.redrive(id).await?;
        self.wake(|_| true);
        Ok(found)
    }

    /// As [`Queues::redrive_all`].
    pub async fn redrive_all(&self, queue: Option<&str>) -> Result<u64, StoreError> {
        let count = self.queues.redrive_all(queue).await?;
        self.wake(|_| true);
        Ok(count)
    }

    fn wake(&self, concerns: impl Fn(&Subscription) -> bool) {
        for route in self.routes.iter().filter(|route| concerns(&route.subscription)) {
            route.wake.notify_one();
        }
    }
}

impl Subscription {
    fn wants(&self, event: &Envelope) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, &event.kind))
    }
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, events: &[Envelope]) -> Result<(), PublishError> {
        let mut messages = Vec::new();
        for event in events {
            let subscriptions = self.routes.iter().map(|route| &route.subscription);
            let wanting = subscriptions.filter(|subscription| subscription.wants(event));
            let queues: Vec<_> = wanting.map(|subscription| subscription.module).collect();
            if !queues.is_empty() {
                let message = NewMessage::new(event, queues);
                messages.push(message.map_err(|error| PublishError(error.to_string()))?);
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        let put = self.queues.put(messages).await;
        put.map_err(|error| PublishError(error.to_string()))?;
        self.wake(|subscription| events.iter().any(|event| subscription.wants(event)));
        Ok(())
    }
}
