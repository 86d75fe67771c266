package audit

// ActionExport is somebody taking rows of the trail out.
const ActionExport = "audit.export"

// ActionPrune is the removal of rows that are older than the trail is kept.
const ActionPrune = "audit.prune"

// ActionRotateKey is a new key that seals are signed with.
const ActionRotateKey = "audit.key.rotate"

// actions is the audit vocabulary of the module.
func actions() []string { return []string{ActionExport, ActionPrune, ActionRotateKey} }
