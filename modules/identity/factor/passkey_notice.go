package factor

// alarmPasskey says more than alarm: a new password does not take a stranger's passkey away.
const alarmPasskey = "If this was not you, delete the passkey and change your password at once: the passkey signs in without the password."

func passkeyAdded(name string) Notice {
	return Notice{
		Purpose: "identity.passkey_added", Subject: "A passkey was added to your account",
		Lines: []string{"The passkey “" + name + "” signs in to your account from now on. Every other session of the account was ended."}, Alarm: alarmPasskey,
	}
}

func passkeyDeleted(name string) Notice {
	return Notice{
		Purpose: "identity.passkey_deleted", Subject: "A passkey was deleted from your account",
		Lines: []string{"The passkey “" + name + "” does not sign in to your account any more. Every other session of the account was ended."}, Alarm: alarm,
	}
}
