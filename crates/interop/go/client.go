package main

import (
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

// login runs a command as stock clients do: the program's streams are the command's, and so is its exit status.
func login(user, port, file, known, command string) error {
	plain, certified, err := signers(file)
	if err != nil {
		return err
	}
	// With a certificate, it must be that which lets the user in.
	signer := plain
	if certified != nil {
		signer = certified
	}
	marker, _, host, _, _, err := ssh.ParseKnownHosts([]byte(known + "\n"))
	if err != nil {
		return err
	}
	check := ssh.FixedHostKey(host)
	if marker == "cert-authority" {
		trusted := among([]ssh.PublicKey{host})
		checker := ssh.CertChecker{IsHostAuthority: func(key ssh.PublicKey, _ string) bool { return trusted(key) }}
		check = checker.CheckHostKey
	}
	client, err := ssh.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &ssh.ClientConfig{
		Config:            everything(),
		User:              user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   check,
		HostKeyAlgorithms: both(func(a ssh.Algorithms) []string { return a.HostKeys }),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	session.Stdin, session.Stdout, session.Stderr = os.Stdin, os.Stdout, os.Stderr
	return session.Run(command)
}
