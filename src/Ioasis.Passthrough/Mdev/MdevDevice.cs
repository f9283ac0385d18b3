using Ioasis.Passthrough.Vfio;

namespace Ioasis.Passthrough.Mdev;

/// <summary>An mdev (Linux: struct mdev_device).</summary>
internal sealed class MdevDevice
{
    internal MdevDevice(Guid uuid, MdevParent parent, MdevParentType type)
    {
        (Uuid, Parent, Type) = (uuid, parent, type);
        Name = uuid.ToString("D");
        Directory = $"{parent.Directory}/{Name}";
    }

    /// <summary>Its name as a number.</summary>
    internal Guid Uuid { get; }

    /// <summary>Its name on the bus: the UUID in lower case.</summary>
    internal string Name { get; }

    /// <summary>Its directory, below the parent's.</summary>
    internal string Directory { get; }

    /// <summary>What it is a part of.</summary>
    internal MdevParent Parent { get; }

    /// <summary>Its type.</summary>
    internal MdevParentType Type { get; }

    /// <summary>What the type made.</summary>
    internal Devices.Mdev Model { get; set; } = null!;

    /// <summary>What programs drive; set once the machine shows it.</summary>
    internal VfioDevice Vfio { get; set; } = null!;

    /// <summary>Whether it is being removed: it is waited for until its last file is closed.</summary>
    internal bool IsLeaving { get; set; }
}
