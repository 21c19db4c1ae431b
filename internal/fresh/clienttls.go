package fresh

import "crypto/tls"

// ClientTLS returns the configuration of a TLS client. Each of its files may be
// left out by an empty path, but a certificate and its key go together.
//
// The CAs of the caFile replace the system's, as with Prometheus' ca_file and
// curl's --cacert: whoever names a private CA does not want a public one to vouch
// for the same server. The certificate is shown to every server that asks for
// one, whatever CAs that names, as those two do.
//
// An empty serverName stands for the host that is connected to, which the caller
// sets in a clone. With insecure, any certificate of the server will do. The
// configuration is the same one until a file changes, and must not be modified.
func ClientTLS(caFile, certFile, keyFile, serverName string, insecure bool) *Value[*tls.Config] {
	return Of(func(contents [][]byte) (*tls.Config, error) {
		config := &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ServerName:         serverName,
			InsecureSkipVerify: insecure,
		}
		if caFile != "" {
			var err error
			if config.RootCAs, err = certPool(caFile, contents[0]); err != nil {
				return nil, err
			}
		}
		if certFile != "" || keyFile != "" {
			pair, err := keyPair(certFile, keyFile, contents[1], contents[2])
			if err != nil {
				return nil, err
			}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		return config, nil
	}, caFile, certFile, keyFile)
}
