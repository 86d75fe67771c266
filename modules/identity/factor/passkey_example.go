package factor

// The examples of passkeys. They open nothing.

const (
	exampleCredentialID = "3vW8pXh0S0m2bq1uE2YkZg" //nolint:gosec // it opens nothing
	exampleChallenge    = "Y2hhbGxlbmdlIG9mIHRoZSBkb2N1bWVudCwgbm9uZQ0"
)

func examplePasskey() Passkey {
	used := exampleTime(5)
	return Passkey{ID: exampleCredentialID, Name: "Laptop", Transports: []string{"internal"}, CreatedAt: exampleTime(0), LastUsedAt: &used, SignCount: 4}
}

func exampleCreation() CreationOptions {
	return CreationOptions{
		RP:        RPEntity{Name: "Authy2", ID: "id.example.com"},
		User:      UserEntity{ID: encodeID([]byte("0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30")), Name: "bob@acme-corp.com", DisplayName: "bob@acme-corp.com"},
		Challenge: exampleChallenge, Parameters: []CredentialParameter{{Type: "public-key", Alg: -7}, {Type: "public-key", Alg: -257}},
		Timeout: ceremonyTimeout, Exclude: []CredentialRef{{ID: exampleCredentialID, Type: "public-key", Transports: []string{"internal"}}},
		Selection:   Selection{ResidentKey: "preferred", UserVerification: "preferred"},
		Attestation: "none", Extensions: CreationExtensions{CredProps: true},
	}
}

func exampleRequest() RequestOptions {
	return RequestOptions{
		Challenge: exampleChallenge, Timeout: ceremonyTimeout, RPID: "id.example.com",
		Allow: []CredentialRef{{ID: exampleCredentialID, Type: "public-key", Transports: []string{"internal"}}}, UserVerification: "required",
	}
}

func exampleAttestation() Attestation {
	return Attestation{
		ID: exampleCredentialID, RawID: exampleCredentialID, Type: "public-key", Name: "Laptop",
		Response: AttestationResponse{AttestationObject: "o2NmbXRkbm9uZQ", ClientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0", Transports: []string{"internal"}},
	}
}

func exampleAssertion() Assertion {
	return Assertion{
		ID: exampleCredentialID, RawID: exampleCredentialID, Type: "public-key",
		Response: AssertionResponse{
			AuthenticatorData: "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAg", ClientDataJSON: "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0", Signature: "MEUCIQDx",
		},
	}
}
