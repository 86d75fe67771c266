package kernel

import (
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/mail"
)

// openMail makes what lays mails out, keeps them and hands them on.
func (p *parts) openMail(o Options) error {
	var err error
	brand := p.platform.Brand
	if p.composer, err = mail.NewComposer(mail.Brand{Name: brand.Name, LogoURL: brand.LogoURL, Accent: brand.Accent}); err != nil {
		return err
	}
	var transport mail.Transport = mail.NewMaildir(p.platform.Mail.Dir, o.Log)
	if server := mailServer(p.platform); server != nil {
		transport = server
	}
	p.mail, err = mail.New(mail.Parts{
		DB: p.db, Clock: p.clock, IDs: o.IDs, Keys: p.sealing, Rand: o.Rand, Jobs: p.jobs, Bus: p.bus,
		Transport: transport, Log: o.Log, Metrics: o.Metrics,
	}, mail.Settings{From: p.platform.Mail.From, PublicURL: p.platform.App.PublicURL, Disabled: p.platform.Mail.Disabled})
	return err
}

// mailServer returns the way to the mail server; nil where there is none.
func mailServer(p config.Platform) *mail.SMTP {
	s := p.Mail.SMTP
	if s.Host == "" {
		return nil
	}
	security := map[string]mail.Security{config.StartTLS: mail.StartTLS, config.ImplicitTLS: mail.ImplicitTLS, config.NoTLS: mail.ClearText}
	return mail.NewSMTP(mail.SMTPSettings{
		Host: s.Host, Port: s.Port, Username: s.Username, Password: s.Password, Security: security[s.TLS], PublicURL: p.App.PublicURL,
	})
}

// Mail returns the mails that wait, and those that were given up.
func (a *App) Mail() *mail.Queue { return a.parts.mail }

// MailServer returns the way to the mail server; nil where there is none.
func (a *App) MailServer() *mail.SMTP { return mailServer(a.parts.platform) }
