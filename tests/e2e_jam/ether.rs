//! Two network namespaces and a cable (veth) between them.

use std::process::Command;

use crate::support::{Person, Room};

pub(crate) fn ip(args: &str) -> bool {
    let output = Command::new("ip").args(args.split_whitespace()).output();
    output.is_ok_and(|output| output.status.success())
}

/// Removed when dropped.
pub(crate) struct Cable {
    pub(crate) names: [String; 2],
}

impl Cable {
    /// Plugged in, with addresses; `None`, and said, where it cannot be made.
    pub(crate) fn new(what: &str) -> Option<Self> {
        let cable = Self { names: ["a", "b"].map(|end| format!("je{}{what}{end}", std::process::id())) };
        let [a, b] = &cable.names;
        let made = cable.names.iter().all(|name| ip(&format!("netns add {name}")))
            && ip(&format!("-n {a} link add jt0 type veth peer name jt0 netns {b}"))
            && cable.names.iter().enumerate().all(|(n, name)| {
                ip(&format!("-n {name} addr add 10.78.0.{}/24 dev jt0", n + 1))
                    && ip(&format!("-n {name} link set lo up"))
                    && ip(&format!("-n {name} link set jt0 up"))
            });
        if !made {
            println!("skipped: making network namespaces needs root and iproute2");
        }
        made.then_some(cable)
    }

    /// Pulls or puts back the far end: one side sees its carrier go, the other its interface.
    pub(crate) fn plug(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        assert!(ip(&format!("-n {} link set jt0 {state}", self.names[1])));
    }

    /// Someone at one end who shares nothing with the other, and names no interface.
    pub(crate) fn person(&self, end: usize, name: &str, room: &Room) -> Person {
        let before = ["ip", "netns", "exec", &self.names[end]].map(str::to_owned).to_vec();
        Person { iface: None, before, ..room.person(name) }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}
