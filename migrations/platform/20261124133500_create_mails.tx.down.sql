DROP TABLE platform_mails;
