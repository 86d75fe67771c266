package audit

import (
	"bytes"
	"time"
)

// exampleTrail is shown in the document.
func exampleTrail() Trail {
	bob, organization, member := "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30", "0192f0c1-8b00-7f11-b3a4-0d9c5e6f7a88", "0192f0c1-9a10-7c55-8a02-6f0e3d7b1c44"
	name, kind, address := "Bob Builder", "member", "203.0.113.7"
	agent, request := "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
	return Trail{Count: 1, Rows: []Row{{
		ID: "0192f0c1-a2b4-7d66-9c13-7a1f4e8c2d55", Action: "org.member.role_change", ActorID: &bob,
		Actor: &Actor{Email: "bob@acme-corp.com", FullName: &name}, OrganizationID: &organization, ResourceType: &kind, ResourceID: &member,
		IPAddress: &address, UserAgent: &agent, RequestID: &request, Success: true,
		Metadata:  map[string]string{"from": "member", "to": "admin"},
		CreatedAt: time.Date(2026, time.November, 24, 9, 15, 0, 0, time.UTC),
	}}}
}

// exampleStreams are the same rows in the other media types.
func exampleStreams() map[string]string {
	all := map[string]string{}
	for _, media := range streams() {
		var b bytes.Buffer
		out, err := newWriter(media, &b)
		if err != nil || out.write(exampleTrail().Rows) != nil || out.flush() != nil {
			return nil // which the contract complains of
		}
		all[media] = b.String()
	}
	return all
}
