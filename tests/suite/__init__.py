"""The suite's own tests: is it right about the implementations that it judges?"""
