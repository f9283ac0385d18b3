namespace Ioasis.Machine.Description;

/// <summary>A vDPA device of a machine.</summary>
/// <param name="Name">Its name on the bus.</param>
/// <param name="Model">Name of its model, <c>virtio-net</c>.</param>
/// <param name="Unit">The unit that translates for it.</param>
/// <param name="Properties">What its model can be told, by name.</param>
public sealed record VdpaDescription(
    string Name, string Model, string Unit, IReadOnlyDictionary<string, string> Properties)
{
    /// <summary>
    /// Whether its IOTLB has addresses of its owner, looked up at each access, instead of pinned pages (Linux: use_va).
    /// </summary>
    public bool UsesVirtualAddresses { get; init; }

    /// <summary>Whether the device gets its owner's own address space, without any map.</summary>
    public bool UsesOwnersPointers { get; init; }

    /// <summary>Whether programs can map doorbells.</summary>
    public bool HasDoorbells { get; init; }

    /// <summary>Whether a name can be one on the bus: it is a directory's.</summary>
    internal static bool IsName(string name) =>
        name.Length is > 0 and <= 64 && name[0] != '.'
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':');

    /// <summary>The first name that is free of those that nobody gave.</summary>
    internal static string FreeName(IReadOnlyList<VdpaDescription> taken)
    {
        int number = 0;
        while (taken.Any(device => device.Name == $"vdpa{number}")) number++;
        return $"vdpa{number}";
    }
}
