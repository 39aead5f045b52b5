//! Devices that somebody has signed in from.

use std::net::IpAddr;

use kernel::{
    origin::Actor,
    secret::{Key, encode},
};
use serde::{Deserialize, Serialize};

use crate::holder::Holder;

/// How many are remembered.
const MAX_DEVICES: usize = 20;

/// The devices, oldest first, each as a keyed hash of what it called itself and the network that it
/// was in. Enough to tell an unfamiliar one; nothing that says where somebody has been.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    known: Vec<String>,
}

/// What a sign-in means for the devices.
#[derive(Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whether this is a device that the owner may want to be told about. The first of all is not:
    /// there is nothing that it differs from.
    pub is_new: bool,
    /// What to remember from now on, if it changes.
    pub devices: Option<Devices>,
}

impl Devices {
    /// Somebody signs in from here.
    pub fn see(&self, key: &Key, holder: Holder, actor: &Actor) -> Sighting {
        let device = fingerprint(key, holder, actor);
        if self.known.contains(&device) {
            return Sighting { is_new: false, devices: None };
        }
        let surplus = (self.known.len() + 1).saturating_sub(MAX_DEVICES);
        let known = self.known.iter().skip(surplus).cloned().chain([device]).collect();
        Sighting { is_new: !self.known.is_empty(), devices: Some(Self { known }) }
    }
}

fn fingerprint(key: &Key, holder: Holder, actor: &Actor) -> String {
    let agent = actor.user_agent.as_deref().unwrap_or_default();
    let network = actor.ip_address.as_deref().map(network).unwrap_or_default();
    let tag = key.sign(&[&holder.to_bytes(), agent.as_bytes(), &network]);
    // 96 bits tell twenty devices apart.
    encode(&tag[..12])
}

/// The /24 or /64 that an address is in: what one line gets from its provider.
fn network(address: &str) -> Vec<u8> {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.octets()[..3].to_vec(),
        Ok(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{
        id::{TenantId, UserId},
        origin::ActorKind,
    };

    use super::*;

    fn actor(agent: &str, ip: &str) -> Actor {
        let (ip_address, user_agent) = (Some(ip.to_owned()), Some(agent.to_owned()));
        Actor { kind: ActorKind::Anonymous, id: None, ip_address, user_agent }
    }

    #[test]
    fn a_device_is_new_once_and_the_first_is_not() {
        let key = Key::random();
        let holder = Holder { tenant: TenantId::new(), user: UserId::new() };
        let see = |devices: &Devices, agent: &str, ip: &str| {
            let sighting = devices.see(&key, holder, &actor(agent, ip));
            (sighting.is_new, sighting.devices)
        };
        let (is_new, first) = see(&Devices::default(), "Firefox", "203.0.113.7");
        assert!(!is_new);
        let first = first.unwrap();
        assert_eq!(see(&first, "Firefox", "203.0.113.99"), (false, None), "the same network");
        assert_eq!(see(&first, "Firefox", "::ffff:203.0.113.7"), (false, None));
        assert!(see(&first, "Firefox", "203.0.114.7").0);
        assert!(see(&first, "curl", "203.0.113.7").0);
        let (_, v6) = see(&first, "Firefox", "2001:db8:1:2::1");
        assert_eq!(see(&v6.unwrap(), "Firefox", "2001:db8:1:2:3:4:5:6"), (false, None));
    }

    #[test]
    fn only_so_many_devices_are_remembered_the_latest() {
        let key = Key::random();
        let holder = Holder { tenant: TenantId::new(), user: UserId::new() };
        let mut devices = Devices::default();
        for n in 0..30 {
            let sighting = devices.see(&key, holder, &actor(&format!("agent {n}"), "203.0.113.7"));
            devices = sighting.devices.unwrap();
        }
        assert_eq!(devices.known.len(), MAX_DEVICES);
        assert!(devices.see(&key, holder, &actor("agent 9", "203.0.113.7")).is_new);
        assert!(!devices.see(&key, holder, &actor("agent 10", "203.0.113.7")).is_new);
    }
}
