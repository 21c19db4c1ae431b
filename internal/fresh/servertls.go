package fresh

import "crypto/tls"

// ServerTLS returns the configuration of a TLS server, to be asked for anew with
// each connection:
//
//	config := fresh.ServerTLS("tls.crt", "tls.key", "")
//	&tls.Config{
//		NextProtos:         []string{"http/1.1"},
//		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config.Get() },
//	}
//
// With a clientCAFile, a client has to show a certificate that one of the file's
// CAs issued. The configuration is the same one until a file changes, and must
// not be modified, but it can be cloned.
//
// Connections that stand when a file changes are not ended.
func ServerTLS(certFile, keyFile, clientCAFile string) *Value[*tls.Config] {
	return Of(func(contents [][]byte) (*tls.Config, error) {
		pair, err := keyPair(certFile, keyFile, contents[0], contents[1])
		if err != nil {
			return nil, err
		}
		config := &tls.Config{
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"http/1.1"}, // a client that takes nothing is known by its connection, which HTTP/2 would share
			Certificates: []tls.Certificate{pair},
		}
		if clientCAFile != "" {
			if config.ClientCAs, err = certPool(clientCAFile, contents[2]); err != nil {
				return nil, err
			}
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
		ownTickets(config)
		return config, nil
	}, certFile, keyFile, clientCAFile)
}

// ownTickets makes the config resume only sessions that began under it. By
// default the keys are those of the config that GetConfigForClient belongs to,
// which outlives every change: a client whose CA was removed could go on with
// its session, and its certificate would not be looked at. The config's own keys
// are still renewed each day by crypto/tls, which those of SetSessionTicketKeys
// are not.
func ownTickets(config *tls.Config) {
	config.WrapSession = config.EncryptTicket
	config.UnwrapSession = config.DecryptTicket
}
