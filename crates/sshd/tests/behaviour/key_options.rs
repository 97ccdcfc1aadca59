//! What stands before a key in `authorized_keys`, seen by stock `ssh`.

use crate::harness::{Master, Server, Setup, finish, world};

fn with(options: &str, config: &str) -> Server {
    let line = format!("{options} {}\n", world().public("client"));
    Setup::new().config(config).config("LogLevel VERBOSE").authorized(&line).start()
}

#[test]
fn from_names_the_peers_that_may_use_the_key() {
    for from in ["127.0.0.1", "127.0.0.0/8,!127.0.0.2", "127.*"] {
        assert_eq!(with(&format!("from=\"{from}\""), "").run(&["echo in"]).success(), "in", "{from}");
    }
    for from in ["10.0.0.0/8", "!127.0.0.1,*", "nowhere.example"] {
        let server = with(&format!("from=\"{from}\""), "");
        let outcome = server.run(&["echo in"]);
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""), "{from}");
        let place = format!("{}:1", server.path("authorized_keys").display());
        let tried = format!(
            "{place}: Authentication tried for {} with correct key but not from a permitted host \
             (host=127.0.0.1, ip=127.0.0.1, required={from}).",
            world().account.name
        );
        server.logs(&tried);
        server.logs(&format!("Refused by key options at {place}"));
    }
}

#[test]
fn a_key_is_good_until_its_last_second_by_the_server_s_clock_and_zone() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // The date that clocks in UTC show an hour from now.
    let in_an_hour = finish(
        std::process::Command::new("date").args(["-u", "-d", &format!("@{}", now + 3600), "+%Y%m%d%H%M%S"]),
        b"",
    )
    .success();
    for (date, zone, good) in [
        (format!("{in_an_hour}Z"), "UTC0", true),
        (in_an_hour.clone(), "UTC0", true),
        // There it is two hours later than in UTC, so the hour has passed.
        (in_an_hour.clone(), "EAST-2", false),
        (in_an_hour.clone(), "WEST+2", true),
        (format!("{in_an_hour}Z"), "EAST-2", true),
        ("20200101".into(), "UTC0", false),
    ] {
        let line = format!("expiry-time=\"{date}\" {}\n", world().public("client"));
        let server = Setup::new().authorized(&line).environment("TZ", zone).start();
        let outcome = server.run(&["echo in"]);
        let wanted = if good { (Some(0), "in") } else { (Some(255), "") };
        assert_eq!((outcome.code, outcome.text().as_str()), wanted, "{date} {zone}");
        if !good {
            server.logs("Refused by key options at ");
        }
    }
}

#[test]
fn variables_of_a_key_are_set_as_permit_user_environment_says() {
    let options = "environment=\"NACRE_A=1\",environment=\"NACRE_A=2\",environment=\"OTHER=3\"";
    for (config, said) in [
        ("", "[][]"),
        ("PermitUserEnvironment no", "[][]"),
        ("PermitUserEnvironment yes", "[1][3]"),
        ("PermitUserEnvironment NACRE_*", "[1][]"),
        ("PermitUserEnvironment *,!NACRE_?", "[][3]"),
        ("Match all\nPermitUserEnvironment yes", "[1][3]"),
    ] {
        assert_eq!(with(options, config).run(&["echo [$NACRE_A][$OTHER]"]).success(), said, "{config}");
    }
}

#[test]
fn a_line_with_a_bad_value_is_refused_and_told_with_its_place() {
    for (options, why) in [
        ("permitopen=\"nowhere\"", "option permitopen: invalid permission port"),
        ("environment=\"A\"", "option environment: invalid environment string"),
        ("from=\"127.0.0.1/8\"", "option from: bits are set after the prefix, expected 127.0.0.0/8"),
        ("tunnel=\"x\"", "option tunnel: invalid tun device"),
    ] {
        let server = with(options, "");
        assert_eq!(server.run(&["echo in"]).code, Some(255), "{options}");
        if !world().other {
            server.logs(&format!("{}:1: {why}", server.path("authorized_keys").display()));
        }
    }
}

#[test]
fn restrict_takes_and_what_stands_behind_it_gives_back() {
    for (options, terminal) in
        [("restrict", false), ("restrict,pty", true), ("no-pty", false), ("no-pty,pty", true)]
    {
        let server = with(options, "");
        let master = Master::new(&server, 0);
        let said = finish(&mut master.ssh(&["-tt", "tty; echo ran"]), b"").text();
        let (first, last) = said.split_once('\n').unwrap();
        assert_eq!((first.starts_with("/dev/pts/"), last), (terminal, "ran"), "{options}: {first}");
    }
}
