print("ringflash")
