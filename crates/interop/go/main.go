// The SSH library of Go as a peer: a client and a server that know everything the library knows.
//
//	peer version
//	peer client USER PORT KEY-FILE KNOWN-HOSTS-LINE COMMAND
//	peer server PORT AUTHORIZED-KEYS-FILE AUTHORITY-FILE HOST-KEY-FILE...
//
// A file of a key may have a certificate beside it, in KEY-FILE-cert.pub. The file of the authority may be empty.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
)

// The library does not know its own version: the build says it.
var version = "unknown"

func main() {
	var err error
	words := os.Args[1:]
	switch {
	case len(words) == 1 && words[0] == "version":
		fmt.Println(version)
	case len(words) == 6 && words[0] == "client":
		err = login(words[1], words[2], words[3], words[4], words[5])
	case len(words) >= 5 && words[0] == "server":
		err = serve(words[1], words[2], words[3], words[4:])
	default:
		err = errors.New("which program? version, client or server")
	}
	var ended *ssh.ExitError
	switch {
	case errors.As(err, &ended) && ended.Signal() == "":
		os.Exit(ended.ExitStatus())
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}

// both joins a list of what the library recommends and of what it has besides.
func both(list func(ssh.Algorithms) []string) []string {
	return slices.Concat(list(ssh.SupportedAlgorithms()), list(ssh.InsecureAlgorithms()))
}

// everything has all key exchanges, ciphers and MACs.
func everything() ssh.Config {
	return ssh.Config{
		KeyExchanges: both(func(a ssh.Algorithms) []string { return a.KeyExchanges }),
		Ciphers:      both(func(a ssh.Algorithms) []string { return a.Ciphers }),
		MACs:         both(func(a ssh.Algorithms) []string { return a.MACs }),
	}
}

// signers reads a key: alone and, if there is a certificate beside it, with that.
func signers(file string) (plain, certified ssh.Signer, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	if plain, err = ssh.ParsePrivateKey(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	text, err = os.ReadFile(file + "-cert.pub")
	if errors.Is(err, fs.ErrNotExist) {
		return plain, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s-cert.pub: %w", file, err)
	}
	certificate, good := key.(*ssh.Certificate)
	if !good {
		return nil, nil, fmt.Errorf("%s-cert.pub: no certificate", file)
	}
	certified, err = ssh.NewCertSigner(certificate, plain)
	return plain, certified, err
}

// among makes a check of whether a key is one of these.
func among(keys []ssh.PublicKey) func(ssh.PublicKey) bool {
	return func(key ssh.PublicKey) bool {
		return slices.ContainsFunc(keys, func(known ssh.PublicKey) bool {
			return string(known.Marshal()) == string(key.Marshal())
		})
	}
}
