package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// The account that commands run as, whoever logs in.
const account = 1000

// serve runs commands on the loopback for those whose keys are in the file or whom the authority vouches for.
func serve(port, authorized, authority string, hostKeys []string) error {
	config, err := settings(authorized, authority, hostKeys)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return errors.New("Address already in use")
	} else if err != nil {
		return err
	}
	say("listening on port %s", port)
	for {
		stream, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := connection(stream, config); err != nil {
				say("%s: %s", stream.RemoteAddr(), err)
			}
		}()
	}
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
}

func settings(authorized, authority string, hostKeys []string) (*ssh.ServerConfig, error) {
	keys, err := publicKeys(authorized)
	if err != nil {
		return nil, err
	}
	authorities, err := publicKeys(authority)
	if err != nil {
		return nil, err
	}
	known := among(keys)
	checker := ssh.CertChecker{
		IsUserAuthority: among(authorities),
		UserKeyFallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if known(key) {
				return nil, nil
			}
			return nil, errors.New("nobody's key")
		},
	}
	config := &ssh.ServerConfig{
		Config:                  everything(),
		PublicKeyAuthAlgorithms: both(func(a ssh.Algorithms) []string { return a.PublicKeyAuths }),
		PublicKeyCallback:       checker.Authenticate,
		AuthLogCallback: func(_ ssh.ConnMetadata, method string, err error) {
			say("%s: %v", method, err)
		},
	}
	for _, file := range hostKeys {
		plain, certified, err := signers(file)
		if err != nil {
			return nil, err
		}
		config.AddHostKey(plain)
		if certified != nil {
			config.AddHostKey(certified)
		}
	}
	return config, nil
}

// publicKeys reads the lines of a file.
func publicKeys(file string) ([]ssh.PublicKey, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys []ssh.PublicKey
	for len(rest) > 0 {
		var key ssh.PublicKey
		// Lines of types that the library does not know are left out.
		if key, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err != nil {
			break
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func connection(stream net.Conn, config *ssh.ServerConfig) error {
	defer stream.Close()
	server, channels, requests, err := ssh.NewServerConn(stream, config)
	if err != nil {
		return err
	}
	say("%s logged in", server.User())
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return err
		}
		go session(channel, requests)
	}
	return nil
}

// session runs the one command that it is asked for.
func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	started := false
	for request := range requests {
		var command struct{ Line string }
		good := request.Type == "exec" && !started && ssh.Unmarshal(request.Payload, &command) == nil
		request.Reply(good, nil)
		if good {
			started = true
			go run(channel, command.Line)
		}
	}
}

func run(channel ssh.Channel, line string) {
	defer channel.Close()
	command := exec.Command("/bin/sh", "-c", line)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: account, Gid: account}}
	command.Stdout, command.Stderr = channel, channel.Stderr()
	input, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		say("%s: %s", line, err)
		return
	}
	go func() {
		// A command may end before its input does.
		io.Copy(input, channel)
		input.Close()
	}()
	command.Wait()
	status := command.ProcessState.ExitCode()
	if status < 0 {
		say("%s: %s", line, command.ProcessState)
		return
	}
	channel.CloseWrite()
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}
