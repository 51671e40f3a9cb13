//! The inputs of a JACK server, to be seen: a small client of its own, apart from the one the engine plays with, so that
//! the ports people patch never change because somebody looks at meters.
//!
//! World: worker, but for [`Meters`], which runs in the server's callback.

use std::sync::mpsc::SyncSender;

use jack::{
    AsyncClient, AudioIn, Client, ClientOptions, ClientStatus, Control, NotificationHandler, Port, PortFlags,
    ProcessHandler, ProcessScope,
};

use super::jack_client::trouble;
use crate::audio::device::CardTrouble;
use crate::audio::device::input_watch::{CHANNELS_MAX, PeakCallback, PeakReader};

/// The client that looks. Its drop closes it.
pub(in crate::audio::device) struct JackWatch {
    #[expect(dead_code, reason = "held to be dropped")]
    client: AsyncClient<Notices, Meters>,
}

impl JackWatch {
    /// A port for each physical input of the server, joined to it; at most [`CHANNELS_MAX`].
    ///
    /// # Errors
    /// [`CardTrouble`] by remedy.
    pub(super) fn start(
        client_name: &str,
        ended: SyncSender<CardTrouble>,
    ) -> Result<(Self, PeakReader), CardTrouble> {
        let name = format!("{client_name}-meters");
        let (client, _) = Client::new(&name, ClientOptions::NO_START_SERVER).map_err(trouble)?;
        let mut inputs = client.ports(None, Some("audio"), PortFlags::IS_OUTPUT | PortFlags::IS_PHYSICAL);
        inputs.truncate(CHANNELS_MAX);
        if inputs.is_empty() {
            return Err(CardTrouble::Gone("the JACK server has no input".to_owned()));
        }
        let register = |n| client.register_port(&format!("in_{n}"), AudioIn::default());
        let ports: Vec<Port<AudioIn>> =
            (1..=inputs.len()).map(register).collect::<Result<_, _>>().map_err(trouble)?;
        let names: Vec<String> = ports.iter().filter_map(|port| port.name().ok()).collect();
        let (callback, reader) = PeakCallback::new(ports.len());
        let client = client.activate_async(Notices { ended }, Meters { callback, ports }).map_err(trouble)?;
        for (theirs, ours) in inputs.iter().zip(&names) {
            // A port that cannot be joined stays silent; the others are seen.
            let _ = client.as_client().connect_ports_by_name(theirs, ours);
        }
        Ok((Self { client }, reader))
    }
}

/// What the server calls in every period.
struct Meters {
    callback: PeakCallback,
    ports: Vec<Port<AudioIn>>,
}

impl ProcessHandler for Meters {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        self.callback.run_planar(self.ports.iter().map(|port| port.as_slice(scope)));
        Control::Continue
    }
}

/// What the server says besides.
struct Notices {
    ended: SyncSender<CardTrouble>,
}

impl NotificationHandler for Notices {
    #[expect(unsafe_code, reason = "the trait declares it so; nothing unsafe is in it")]
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        // Full means that it was said before.
        let _ = self.ended.try_send(CardTrouble::ServerGone);
    }
}
