-- Alarms that a person closed while their condition went on: a lasting state is not news each time it is told again.
CREATE INDEX alarms_lingering ON alarms (device_id, closed_at) WHERE active AND closed_at IS NOT NULL;
