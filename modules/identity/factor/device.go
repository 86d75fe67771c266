package factor

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// RememberedDevice is a browser that is not asked for a second factor for a while.
type RememberedDevice struct {
	ID        string    `json:"id" format:"uuid"`
	UserAgent string    `json:"user_agent" doc:"What the browser called itself."`
	IPAddress *string   `json:"ip_address" doc:"Address that it was remembered from."`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it is asked again."`
}

// maxDevices is how many devices of a user are remembered, the newest.
const maxDevices = 20

// remember notes the device of the request for a user, who is held and has just shown two
// factors, and returns the token that the device keeps.
func (s *Service) remember(ctx context.Context, tx bun.Tx, userID string, client authn.Client) (secret.String, error) {
	token, now := s.tokens.New(), s.now()
	d := RememberedDevice{ID: s.ids.New(), UserAgent: client.UserAgent, CreatedAt: now, ExpiresAt: now.Add(s.config.RememberFor)}
	if client.Address.IsValid() {
		ip := client.Address.Unmap().WithZone("").String()
		d.IPAddress = &ip
	}
	if err := s.devices.add(ctx, tx, userID, &d, crypto.HashToken(token.Reveal())); err != nil {
		return secret.String{}, fmt.Errorf("factor: remember a device: %w", err)
	}
	f := about(ActionDeviceRemember, userID)
	f.ResourceType, f.ResourceID = "device", d.ID
	return token, s.bus.Publish(ctx, tx, f)
}

// Devices returns up to limit devices of a user, newest first, those older than the given
// one, and the id that the next page follows; empty on the last page.
func (s *Service) Devices(ctx context.Context, userID, after string, limit int) ([]RememberedDevice, string, error) {
	all, err := s.devices.list(ctx, userID, after, s.now(), limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("factor: list devices: %w", err)
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], all[limit-1].ID, nil
}

// ForgetDevice has a device of the user asked again. It is [apperr.ErrNotFound] for devices
// of others and unknown ones.
func (s *Service) ForgetDevice(ctx context.Context, userID, deviceID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ok, err := s.devices.remove(ctx, tx, userID, deviceID)
		switch {
		case err != nil:
			return fmt.Errorf("factor: forget a device: %w", err)
		case !ok:
			return apperr.ErrNotFound
		}
		f := about(ActionDeviceRevoke, userID)
		f.ResourceType, f.ResourceID = "device", deviceID
		return s.bus.Publish(ctx, tx, f)
	})
}

// ForgetDevices has every device of the user asked again, and returns how many there were.
func (s *Service) ForgetDevices(ctx context.Context, userID string) (n int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if n, err = s.devices.drop(ctx, tx, userID); err != nil {
			return err
		}
		return s.bus.Publish(ctx, tx, about(ActionDeviceRevoke, userID))
	})
	return n, err
}

// deviceStore reads and writes identity_devices.
type deviceStore struct {
	insert, page, one, ofUser, trim, prune *database.Stmt
}

func newDeviceStore(db *database.DB) *deviceStore {
	return &deviceStore{
		insert: db.Prepare(`INSERT INTO identity_devices (id, user_id, token_hash, user_agent, ip_address, expires_at, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?)`),
		page: db.Prepare(`SELECT id, user_agent, ip_address, created_at, expires_at FROM identity_devices
	WHERE user_id = ? AND id < ? AND expires_at > ? ORDER BY id DESC LIMIT ?`),
		one:    db.Prepare(`DELETE FROM identity_devices WHERE user_id = ? AND id = ?`),
		ofUser: db.Prepare(`DELETE FROM identity_devices WHERE user_id = ?`),
		trim: db.Prepare(`DELETE FROM identity_devices WHERE user_id = ? AND id <=
	(SELECT id FROM identity_devices WHERE user_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`),
		prune: db.Prepare(`DELETE FROM identity_devices WHERE id IN
	(SELECT id FROM identity_devices WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`),
	}
}

func (s *deviceStore) add(ctx context.Context, tx bun.Tx, userID string, d *RememberedDevice, hash []byte) error {
	if _, err := s.insert.In(tx).Exec(ctx, d.ID, userID, hash, d.UserAgent, d.IPAddress, d.ExpiresAt, d.CreatedAt); err != nil {
		return err
	}
	_, err := s.trim.In(tx).Exec(ctx, userID, userID, maxDevices)
	return err
}

// lastID sorts after every identifier.
const lastID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

func (s *deviceStore) list(ctx context.Context, userID, before string, now time.Time, limit int) ([]RememberedDevice, error) {
	if before == "" {
		before = lastID
	}
	all := []RememberedDevice{}
	err := s.page.Query(ctx, func(scan func(...any) error) error {
		var d RememberedDevice
		if err := scan(&d.ID, &d.UserAgent, &d.IPAddress, database.Time(&d.CreatedAt), database.Time(&d.ExpiresAt)); err != nil {
			return err
		}
		all = append(all, d)
		return nil
	}, userID, before, now, limit)
	return all, err
}

func (s *deviceStore) remove(ctx context.Context, tx bun.Tx, userID, id string) (bool, error) {
	return changed(s.one.In(tx).Exec(ctx, userID, id))
}

func (s *deviceStore) drop(ctx context.Context, tx bun.Tx, userID string) (int64, error) {
	res, err := s.ofUser.In(tx).Exec(ctx, userID)
	if err != nil {
		return 0, fmt.Errorf("factor: forget devices: %w", err)
	}
	return res.RowsAffected()
}
