"""What Proxmox tools return. Sizes in bytes, times in seconds since the epoch, fractions from 0 to 1."""
