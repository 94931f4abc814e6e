use proptest::prelude::*;

use super::*;

/// `ndsctl json` of NoDogSplash 5.0.2; the second client is put in, and numbers
/// and averages are changed to what src/util.c can print.
const NODOGSPLASH: &str = r#"{
"client_length": 2,
"clients":{
"02:00:00:00:0a:01":{
"id":1,
"ip":"10.77.0.10",
"mac":"02:00:00:00:0a:01",
"added":0,
"active":1795427434,
"duration":0,
"token":"55af0c75",
"state":"Authenticated",
"downloaded":1203,
"avg_down_speed":inf,
"uploaded":40,
"avg_up_speed":-nan
},
"02:00:00:00:0a:01":{
"id":2,
"ip":"10.77.0.12",
"mac":"02:00:00:00:0a:01",
"added":0,
"active":1795427434,
"duration":0,
"token":"dca9b2e4",
"state":"Preauthenticated",
"downloaded":0,
"avg_down_speed":0.00,
"uploaded":0,
"avg_up_speed":0.00
}
}
}
"#;

/// `ndsctl json` of openNDS 9.10.0; bytes, one quota and the trusted device are
/// put in, as src/util.c prints them.
const OPENNDS: &str = r#"{
  "client_list_length":"1",
  "clients":{
    "02:00:00:00:0a:01":{
      "gatewayname":"openNDS",
      "gatewayaddress":"10.77.0.1:2050",
      "gatewayfqdn":"disable",
      "version":"9.10.0",
      "client_type":"preemptive",
      "mac":"02:00:00:00:0a:01",
      "ip":"10.77.0.10",
      "clientif":"br-lan",
      "session_start":"1795427144",
      "session_end":"1795427324",
      "last_active":"1795427144",
      "token":"e88dc790",
      "state":"Authenticated",
      "custom":"tollgate",
      "download_rate_limit_threshold":"null",
      "download_packet_rate":"null",
      "download_bucket_size":"null",
      "upload_rate_limit_threshold":"null",
      "upload_packet_rate":"null",
      "upload_bucket_size":"null",
      "download_quota":"5000",
      "upload_quota":"null",
      "download_this_session":"3",
      "download_session_avg":"0.00",
      "upload_this_session":"2",
      "upload_session_avg":"0.00"
    }
  },
  "trusted_list_length":"1",
  "trusted":[
    "02:00:00:00:0b:01"
  ]
}
"#;

/// `ndsctl json MAC` of NoDogSplash 5.0.2, as it came.
const ONE: &str = r#"{
"id":1,
"ip":"10.77.0.10",
"mac":"02:00:00:00:0a:01",
"added":0,
"active":1795427433,
"duration":0,
"token":"dca9b2e4",
"state":"Preauthenticated",
"downloaded":0,
"avg_down_speed":0.00,
"uploaded":0,
"avg_up_speed":0.00
}
"#;

#[test]
fn nodogsplash() {
    let found = clients(NODOGSPLASH).unwrap();
    let [first, second] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(first.mac.to_string(), "02:00:00:00:0a:01");
    assert_eq!(first.ip, Ipv4Addr::new(10, 77, 0, 10));
    assert_eq!(first.token, "55af0c75");
    assert!(first.is_open());
    assert_eq!((first.down, first.up), (1_203_000, 40_000));
    assert_eq!((first.bytes(), first.limits), (1_243_000, None));
    assert_eq!(second.ip, Ipv4Addr::new(10, 77, 0, 12));
    assert_eq!(second.state, State::Preauthenticated);
    let one = clients(ONE).unwrap();
    assert_eq!((one.len(), one[0].token.as_str()), (1, "dca9b2e4"));
}

#[test]
fn opennds() {
    let found = clients(OPENNDS).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].is_open());
    assert_eq!((found[0].down, found[0].up), (3_072, 2_048));
    let limits = Limits {
        end: Some(1_795_427_324),
        down: Some(5_120_000),
        up: None,
    };
    assert_eq!(found[0].limits, Some(limits));
    let blocked = OPENNDS.replace("\"Authenticated\"", "\"Blocked\"");
    assert_eq!(clients(&blocked).unwrap()[0].state, State::Blocked);
}

#[test]
fn nobody_and_nothing() {
    for text in ["{}\n", "{\n\"client_length\": 0,\n\"clients\":{\n}\n}\n"] {
        assert_eq!(clients(text), Ok(Vec::new()));
    }
    // What a program that is being stopped answers.
    for text in ["", "{", &NODOGSPLASH[..200]] {
        assert!(clients(text).is_err(), "{text}");
    }
}

#[test]
fn where_first_requests_go() {
    let status = |line: &str| server(&format!("Version: 1\n{line}\nManaged interface: br-lan\n"));
    let address = Some(SocketAddrV4::new([10, 77, 0, 1].into(), 2050));
    // NoDogSplash 5.0.2 and openNDS 9.10.0.
    assert_eq!(status("Server listening: http://10.77.0.1:2050"), address);
    assert_eq!(
        status("MHD Server [ version 0.9.75 ] listening on: http://10.77.0.1:2050"),
        address
    );
    assert_eq!(
        status("FAS: Secure Level 1, URL: http://10.77.0.1:2050/"),
        None
    );
    assert_eq!(status("Server listening: http://router.lan:2050"), None);
}

proptest! {
    #[test]
    fn never_panics(text: String, at in 0usize..600, with: char) {
        let _ = (clients(&text), clients(&format!("{{{text}}}")), server(&text));
        let mut damaged = NODOGSPLASH.to_owned();
        damaged.insert(at.min(damaged.len()), with);
        let _ = clients(&damaged);
    }
}
