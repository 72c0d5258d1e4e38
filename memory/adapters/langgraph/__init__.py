"""langgraph"""
