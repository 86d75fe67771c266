DROP TABLE contact_enquiries;
