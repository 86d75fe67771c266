package factor

import "fmt"

const alarm = "If this was not you, change your password at once: that ends every other session, also a stranger's."

func totpEnabled() Notice {
	return Notice{
		Purpose: "identity.totp_enabled", Subject: "An authenticator app was set up",
		Lines: []string{"From now on your account asks for a code of that app when somebody signs in. Every other session of the account was ended."}, Alarm: alarm,
	}
}

func totpDisabled() Notice {
	return Notice{
		Purpose: "identity.totp_disabled", Subject: "Your authenticator app was removed",
		Lines: []string{"Your account does not ask for a code any more, and its recovery codes are void. Every other session of the account was ended."}, Alarm: alarm,
	}
}

func recoveryUsed(left int64) Notice {
	many := fmt.Sprintf("%d codes are left.", left)
	switch left {
	case 0:
		many = "That was the last one: make a new set."
	case 1:
		many = "One code is left: make a new set."
	}
	return Notice{
		Purpose: "identity.recovery_code_used", Subject: "A recovery code was used",
		Lines: []string{"Somebody signed in to your account with your password and a recovery code. " + many}, Alarm: alarm,
	}
}

func recoveryReplaced() Notice {
	return Notice{
		Purpose: "identity.recovery_codes_replaced", Subject: "Your recovery codes were replaced",
		Lines: []string{"A new set of recovery codes was made for your account. The codes from before are void."}, Alarm: alarm,
	}
}

func unprovedDropped() Notice {
	return Notice{
		Purpose: "identity.factors_dropped", Subject: "Second factors of your account were removed",
		Lines: []string{"Your email address was confirmed for the first time. Authenticator apps and passkeys that were set up in the account before that were removed, because " +
			"nobody had shown that the account was yours then. If they were yours, set them up again."}, Alarm: alarm,
	}
}
