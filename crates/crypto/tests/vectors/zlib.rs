use nacre_crypto::COMPRESSIONS;
use zeroize::Zeroizing;

use crate::support::{cases, report};

#[test]
fn streams_of_zlib() {
    let cases = cases("zlib.txt");
    let (payloads, streams) = cases.split_first().unwrap();
    let row = COMPRESSIONS.iter().find(|row| row.name == "zlib@openssh.com").unwrap();
    let mut run = 0;
    for stream in streams {
        let mut inflater = row.inflater().unwrap();
        let mut payload = Zeroizing::new(Vec::new());
        for packet in
            (0..).map(|n| format!("packet-{n}")).take_while(|packet| payloads.maybe_text(packet).is_some())
        {
            let expected = payloads.hex(&packet);
            inflater.inflate(&stream.hex(&packet), &mut payload, expected.len()).unwrap();
            assert_eq!(*payload, expected, "{} {packet}", stream.text("case"));
            run += 1;
        }
    }
    report("zlib", run);
}
