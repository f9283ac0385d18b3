using Ioasis.Devices;

namespace Ioasis.Passthrough.Mdev;

/// <summary>A device that offers types of mdevs, as the bus knows it (Linux: struct mdev_parent).</summary>
internal sealed class MdevParent
{
    /// <summary>Makes it.</summary>
    /// <param name="name">Its name on its own bus: a PCI address, or <c>mtty</c>.</param>
    /// <param name="driver">What the directories of its types begin with.</param>
    /// <param name="directory">Its directory in sysfs.</param>
    /// <param name="offer">Its types.</param>
    internal MdevParent(string name, string driver, string directory, IMdevParent offer)
    {
        (Name, Driver, Directory, Offer) = (name, driver, directory, offer);
        Types = [.. offer.MdevTypes.Select(type => new MdevParentType(driver, type))];
        Free = offer.MaxMdevs;
    }

    /// <summary>Its name on its own bus.</summary>
    internal string Name { get; }

    /// <summary>The driver of its mdevs.</summary>
    internal string Driver { get; }

    /// <summary>Its directory in sysfs.</summary>
    internal string Directory { get; }

    /// <summary>Whether it is no PCI function, but a device of a class of its own.</summary>
    internal bool IsVirtual { get; init; }

    /// <summary>The parent itself: the model of a function, or a device that is no function.</summary>
    internal IMdevParent Offer { get; }

    /// <summary>Its types.</summary>
    internal IReadOnlyList<MdevParentType> Types { get; }

    /// <summary>
    /// How many more mdevs it can have of types without a count of their own. The bus's lock guards it.
    /// </summary>
    internal int Free { get; set; }
}

/// <summary>A type of a parent.</summary>
/// <param name="driver">The driver's name.</param>
/// <param name="type">The type.</param>
internal sealed class MdevParentType(string driver, MdevType type)
{
    /// <summary>The name of its directory, by which tools know it.</summary>
    internal string Name { get; } = $"{driver}-{type.Name}";

    /// <summary>The type.</summary>
    internal MdevType Type => type;
}
