"""Devices that are not there, publishing what real ones would: encoders, scenarios, and the run over MQTT."""
