DROP TABLE sessions_sessions;
