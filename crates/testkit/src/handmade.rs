//! A peer that is written a second time, by hand, without `transport`, `userauth` or `connection`: plain functions
//! that send and read one thing each. It is honest as long as its caller is, and can be made to lie at every step.

use crypto::{CipherAlg, Hasher, KexAlg, MacAlg, OpeningKey, Rng, SealingKey, SeededRng};
use keys::PrivateKey;
use wire::{Bytes, Encode, Message, Reader, Role, Sink, put_string, put_u32};

/// What a handmade peer proposes and uses: one algorithm of each kind.
#[derive(Clone)]
pub struct Proposal {
    /// Key exchange method.
    pub kex: &'static KexAlg,
    /// Cipher of both directions.
    pub cipher: &'static CipherAlg,
    /// MAC of both directions, where the cipher needs one.
    pub mac: Option<&'static MacAlg>,
    /// Names listed after the method: `ext-info-c`, `kex-strict-s-v00@openssh.com` and the like.
    pub markers: Vec<String>,
    /// Whether a guessed packet is announced.
    pub guess_follows: bool,
    /// Name-lists that stand in KEXINIT in place of the true ones, by their place there: 0 is that of methods, 9 that
    /// of the server's languages.
    pub lists: Vec<(usize, Vec<u8>)>,
}

impl Proposal {
    /// curve25519-sha256 and aes128-gcm@openssh.com, with strict key exchange.
    #[must_use]
    pub fn plain(role: Role) -> Self {
        let strict = match role {
            Role::Client => "kex-strict-c-v00@openssh.com",
            Role::Server => "kex-strict-s-v00@openssh.com",
        };
        Self {
            kex: crypto::KEX.iter().find(|alg| alg.name == "curve25519-sha256").expect("in the table"),
            cipher: crypto::CIPHERS
                .iter()
                .find(|alg| alg.name == "aes128-gcm@openssh.com")
                .expect("in the table"),
            mac: None,
            markers: vec![strict.to_owned()],
            guess_follows: false,
            lists: Vec::new(),
        }
    }

    /// The same with another method.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn with_kex(mut self, name: &str) -> Self {
        self.kex = crypto::KEX.iter().find(|alg| alg.name == name).expect("in the table");
        self
    }

    /// The same with another cipher and, where it needs one, a MAC.
    #[must_use]
    pub fn with_cipher(mut self, cipher: &'static CipherAlg, mac: Option<&'static MacAlg>) -> Self {
        self.cipher = cipher;
        self.mac = mac;
        self
    }

    /// The same with any bytes in place of one of KEXINIT's name-lists.
    #[must_use]
    pub fn with_list(mut self, place: usize, list: impl Into<Vec<u8>>) -> Self {
        self.lists.push((place, list.into()));
        self
    }

    /// The same with the announcement of a guessed packet.
    #[must_use]
    pub fn with_guess(mut self) -> Self {
        self.guess_follows = true;
        self
    }

    /// Lists the marker that asks for EXT_INFO as well.
    #[must_use]
    pub fn with_ext_info(mut self, role: Role) -> Self {
        let marker = if role == Role::Client { "ext-info-c" } else { "ext-info-s" };
        self.markers.push(marker.to_owned());
        self
    }

    /// Lists no markers at all, as an old peer does.
    #[must_use]
    pub fn without_markers(mut self) -> Self {
        self.markers.clear();
        self
    }

    /// The payload of KEXINIT.
    pub fn payload(&self, rng: &mut dyn Rng) -> Vec<u8> {
        let mut cookie = [0; 16];
        rng.fill(&mut cookie).expect("seeded");
        let mut kex = vec![self.kex.name.to_owned()];
        kex.extend(self.markers.iter().cloned());
        let mac = self.mac.map_or("hmac-sha2-256", |alg| alg.name);
        let mut out = vec![20];
        out.put(&cookie);
        let kex = kex.join(",");
        let names = self.cipher.name;
        let true_lists = [&kex, "ssh-ed25519", names, names, mac, mac, "none", "none", "", ""];
        for (place, list) in true_lists.into_iter().enumerate() {
            let lie = self.lists.iter().find(|(other, _)| *other == place);
            put_string(&mut out, lie.map_or(list.as_bytes(), |(_, list)| list));
        }
        out.push(u8::from(self.guess_follows));
        put_u32(&mut out, 0);
        out
    }
}

/// How the frame of one packet deviates from what its payload calls for.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameLie {
    /// A `packet_length` other than the true one.
    pub length: Option<u32>,
    /// A `padding_length` other than the true one.
    pub padding: Option<u8>,
    /// Bytes of padding more than are needed.
    pub extra_padding: usize,
    /// One bit of the sealed packet to flip.
    pub flip: Option<usize>,
}

/// The peer.
pub struct Handmade {
    role: Role,
    rng: SeededRng,
    seal: SealingKey,
    open: OpeningKey,
    /// Sequence number of the next packet it sends.
    pub sequence_out: u32,
    /// Sequence number of the next packet it reads.
    pub sequence_in: u32,
    arrived: Vec<u8>,
    length_read: Option<usize>,
    to_send: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    our_init: Vec<u8>,
    their_init: Vec<u8>,
    session_id: Option<Vec<u8>>,
    host_key: PrivateKey,
    strict: bool,
}

impl Handmade {
    /// A peer in `role` whose randomness comes from `seed`.
    #[must_use]
    pub fn new(role: Role, seed: u64) -> Self {
        let mut rng = SeededRng::new(seed);
        let host_key = PrivateKey::generate(&mut rng).expect("seeded");
        Self {
            role,
            rng,
            seal: SealingKey::none(),
            open: OpeningKey::none(),
            sequence_out: 0,
            sequence_in: 0,
            arrived: Vec::new(),
            length_read: None,
            to_send: Vec::new(),
            ours: b"SSH-2.0-handmade".to_vec(),
            theirs: Vec::new(),
            our_init: Vec::new(),
            their_init: Vec::new(),
            session_id: None,
            host_key,
            strict: true,
        }
    }

    /// The key that it signs with when it is the server.
    #[must_use]
    pub fn host_key(&self) -> &PrivateKey {
        &self.host_key
    }

    /// Takes another host key from now on.
    pub fn set_host_key(&mut self, key: PrivateKey) {
        self.host_key = key;
    }

    /// The session id, once a key exchange is done.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        self.session_id.as_deref()
    }

    /// Whether NEWKEYS resets sequence numbers. True unless a test pretends otherwise.
    pub fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// Gives it bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// Takes the bytes that it wants sent.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_send)
    }

    /// Sends any bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.to_send.extend_from_slice(bytes);
    }

    /// Sends its identification line.
    pub fn send_ident(&mut self) {
        let line = self.ours.clone();
        self.send_bytes(&line);
        self.send_bytes(b"\r\n");
    }

    /// Sends another identification line, given without its end.
    pub fn send_ident_as(&mut self, line: &[u8]) {
        self.ours = line.to_vec();
        self.send_ident();
    }

    /// Reads the other side's identification line, if it has arrived.
    pub fn read_ident(&mut self) -> Option<Vec<u8>> {
        let end = self.arrived.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.arrived.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.theirs = line.clone();
        Some(line)
    }

    /// What has arrived and is not read, as it came.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.arrived
    }

    /// Bytes of tag after each packet that it sends.
    #[must_use]
    pub fn tag_len(&self) -> usize {
        self.seal.tag_len()
    }

    /// Its randomness.
    pub fn rng(&mut self) -> &mut SeededRng {
        &mut self.rng
    }

    /// Sends a payload in an honest packet.
    pub fn send(&mut self, payload: &[u8]) {
        self.send_lying(payload, FrameLie::default());
    }

    /// Sends a message in an honest packet.
    pub fn send_message<M: Message>(&mut self, message: &M) {
        let mut payload = Vec::new();
        message.encode(&mut payload);
        self.send(&payload);
    }

    /// Sends a payload in a packet that may lie.
    pub fn send_lying(&mut self, payload: &[u8], lie: FrameLie) {
        let packet = self.sealed(payload, lie);
        self.send_bytes(&packet);
    }

    /// Seals a packet that may lie and does not send it. Its sequence number is used up.
    pub fn sealed(&mut self, payload: &[u8], lie: FrameLie) -> Vec<u8> {
        let block = self.seal.block_len();
        let counted = payload.len() + 1 + if self.seal.length_outside_blocks() { 0 } else { 4 };
        let mut padding = block - counted % block;
        if padding < 4 {
            padding += block;
        }
        padding += lie.extra_padding;
        let length = u32::try_from(payload.len() + 1 + padding).expect("a packet of a test");
        let mut packet = lie.length.unwrap_or(length).to_be_bytes().to_vec();
        packet.push(lie.padding.unwrap_or(padding as u8));
        packet.extend_from_slice(payload);
        packet.resize(packet.len() + padding, 0);
        packet.resize(packet.len() + self.seal.tag_len(), 0);
        self.seal.seal(self.sequence_out, &mut packet).expect("a packet of a test");
        self.sequence_out = self.sequence_out.wrapping_add(1);
        if let Some(bit) = lie.flip {
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        packet
    }

    /// Reads the next packet's payload, if it has arrived whole.
    ///
    /// # Panics
    /// When the packet does not open.
    pub fn read(&mut self) -> Option<Vec<u8>> {
        let prefix = self.open.prefix_len();
        let length = match self.length_read {
            Some(length) => length,
            None => {
                let length =
                    self.open.length(self.sequence_in, self.arrived.get_mut(..prefix)?).expect("a length");
                *self.length_read.insert(length as usize + 4 + self.open.tag_len())
            }
        };
        if self.arrived.len() < length {
            return None;
        }
        let mut packet: Vec<u8> = self.arrived.drain(..length).collect();
        self.length_read = None;
        self.open.open(self.sequence_in, &mut packet).expect("a packet that opens");
        self.sequence_in = self.sequence_in.wrapping_add(1);
        let end = packet.len() - self.open.tag_len() - usize::from(packet[4]);
        Some(packet[5..end].to_vec())
    }

    /// Reads packets until one with this number comes, and returns it. IGNORE, DEBUG and EXT_INFO may stand before it.
    ///
    /// # Panics
    /// When another message comes, or none.
    pub fn expect(&mut self, number: u8) -> Vec<u8> {
        loop {
            match self.read() {
                Some(payload) if payload[0] == number => return payload,
                Some(payload) if matches!(payload[0], 2 | 4 | 7) => {}
                Some(payload) => panic!("message {} where {number} was expected: {payload:02x?}", payload[0]),
                None => panic!("nothing where message {number} was expected"),
            }
        }
    }

    /// Sends KEXINIT.
    pub fn send_kexinit(&mut self, proposal: &Proposal) {
        self.our_init = proposal.payload(&mut self.rng);
        let payload = self.our_init.clone();
        self.send(&payload);
    }

    /// Sends a KEXINIT of any content, and remembers it for the exchange hash.
    pub fn send_kexinit_as(&mut self, payload: &[u8]) {
        self.our_init = payload.to_vec();
        self.send(payload);
    }

    /// Takes a KEXINIT for its own that it did not send: somebody on the path has changed it.
    pub fn remember_kexinit(&mut self, payload: &[u8]) {
        self.our_init = payload.to_vec();
    }

    /// Reads the other side's KEXINIT.
    pub fn read_kexinit(&mut self) -> Vec<u8> {
        self.their_init = self.expect(20);
        self.their_init.clone()
    }

    /// The client's KEX_ECDH_INIT: sends it, and returns what turns the reply into keys.
    pub fn start_exchange(&mut self, proposal: &Proposal) -> crypto::Ephemeral {
        let ephemeral = proposal.kex.start(&mut self.rng).expect("seeded");
        let mut payload = vec![30];
        put_string(&mut payload, ephemeral.public());
        self.send(&payload);
        ephemeral
    }

    /// The client's end of an exchange: reads KEX_ECDH_REPLY and gives the exchange hash and K.
    pub fn finish_exchange(&mut self, proposal: &Proposal, ephemeral: crypto::Ephemeral) -> Exchange {
        let ours = ephemeral.public().to_vec();
        let reply = self.expect(31);
        let mut input = Reader::new(&reply[1..]);
        let host_key = input.string().expect("a host key").to_vec();
        let theirs = input.string().expect("a public value").to_vec();
        let signature = input.string().expect("a signature").to_vec();
        let secret = ephemeral.complete(&theirs).expect("a good public value");
        let hash = self.exchange_hash(proposal, &host_key, [&ours, &theirs], &secret);
        Exchange { hash, secret, host_key, signature }
    }

    /// The server's half: reads KEX_ECDH_INIT and computes the reply, which [`send_reply`](Self::send_reply) sends.
    pub fn respond_exchange(&mut self, proposal: &Proposal) -> (Exchange, Vec<u8>) {
        let init = self.expect(30);
        let theirs = Reader::new(&init[1..]).string().expect("a public value").to_vec();
        let response = proposal.kex.respond(&mut self.rng, &theirs).expect("a good public value");
        let host_key = self.host_key.public().blob();
        let hash = self.exchange_hash(proposal, &host_key, [&theirs, &response.public], &response.secret);
        let algorithm = keys::SIGNATURES.iter().find(|alg| alg.name == "ssh-ed25519").expect("in the table");
        let signature = self.host_key.sign(algorithm, &hash).expect("an ed25519 key");
        (Exchange { hash, secret: response.secret, host_key, signature }, response.public)
    }

    /// Sends KEX_ECDH_REPLY.
    pub fn send_reply(&mut self, exchange: &Exchange, public: &[u8]) {
        let mut payload = vec![31];
        put_string(&mut payload, &exchange.host_key);
        put_string(&mut payload, public);
        put_string(&mut payload, &exchange.signature);
        self.send(&payload);
    }

    fn exchange_hash(
        &self,
        proposal: &Proposal,
        host_key: &[u8],
        [client_public, server_public]: [&[u8]; 2],
        secret: &crypto::SharedSecret,
    ) -> Vec<u8> {
        let (client, server) = match self.role {
            Role::Client => ((&self.ours, &self.our_init), (&self.theirs, &self.their_init)),
            Role::Server => ((&self.theirs, &self.their_init), (&self.ours, &self.our_init)),
        };
        let mut hasher = Hasher::new(proposal.kex.hash);
        for part in [client.0, server.0, client.1, server.1] {
            Bytes(part).encode(&mut hasher);
        }
        for part in [host_key, client_public, server_public] {
            Bytes(part).encode(&mut hasher);
        }
        secret.absorb(&mut hasher);
        hasher.finish().as_slice().to_vec()
    }

    /// Sends NEWKEYS and seals with the new key from the next packet on.
    pub fn send_newkeys(&mut self, proposal: &Proposal, exchange: &Exchange) {
        self.send(&[21]);
        let (iv, key, mac) = self.derive(proposal, exchange, self.role);
        self.seal = SealingKey::new(proposal.cipher, proposal.mac, &iv, &key, &mac).expect("derived to fit");
        if self.strict {
            self.sequence_out = 0;
        }
    }

    /// Reads NEWKEYS and opens with the new key from the next packet on.
    pub fn read_newkeys(&mut self, proposal: &Proposal, exchange: &Exchange) {
        self.expect(21);
        let (iv, key, mac) = self.derive(proposal, exchange, self.role.peer());
        self.open = OpeningKey::new(proposal.cipher, proposal.mac, &iv, &key, &mac).expect("derived to fit");
        if self.strict {
            self.sequence_in = 0;
        }
    }

    /// RFC 4253 §7.2: the letters A, C, E are of the client's direction, B, D, F of the server's.
    fn derive(
        &mut self,
        proposal: &Proposal,
        exchange: &Exchange,
        from: Role,
    ) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let session_id = self.session_id.get_or_insert_with(|| exchange.hash.clone()).clone();
        let letters = if from == Role::Client { *b"ACE" } else { *b"BDF" };
        let part = |letter: u8, length: usize| {
            let mut out = Vec::new();
            while out.len() < length {
                let mut hasher = Hasher::new(proposal.kex.hash);
                exchange.secret.absorb(&mut hasher);
                hasher.update(&exchange.hash);
                if out.is_empty() {
                    hasher.update(&[letter]);
                    hasher.update(&session_id);
                } else {
                    hasher.update(&out);
                }
                out.extend_from_slice(hasher.finish().as_slice());
            }
            out.truncate(length);
            out
        };
        (
            part(letters[0], proposal.cipher.iv_len),
            part(letters[1], proposal.cipher.key_len),
            part(letters[2], proposal.mac.map_or(0, |alg| alg.key_len)),
        )
    }
}

/// The outcome of a key exchange.
pub struct Exchange {
    /// The exchange hash H.
    pub hash: Vec<u8>,
    /// K.
    pub secret: crypto::SharedSecret,
    /// The host key's blob.
    pub host_key: Vec<u8>,
    /// The signature of H: what a lying server replaces.
    pub signature: Vec<u8>,
}
