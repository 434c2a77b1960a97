-- Logins of devices changed: `lianfang up` writes the embedded broker's password file anew (api/embedded/logins.py).
CREATE FUNCTION credentials_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY lianfang_credentials;
    RETURN NULL;
END $$;
CREATE TRIGGER credentials_notify AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON device_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION credentials_notify();
