namespace Ioasis.Memory;

/// <summary>
/// What an IOMMU knows a device by. On PCI it is a requester ID. Any other device has the name that its bus gives it: a
/// platform device, or one that exists in software alone.
/// </summary>
public readonly record struct DeviceId
{
    private readonly RequesterId _requester;

    /// <summary>The identity of a PCI function.</summary>
    public DeviceId(RequesterId requester) => _requester = requester;

    /// <summary>The identity of a device that is no PCI function.</summary>
    /// <param name="name">Its name, such as <c>arm-smmu-test.0</c>.</param>
    public DeviceId(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>The name of a device that is no PCI function; null for a PCI function.</summary>
    public string? Name { get; }

    /// <summary>The requester ID of a PCI function; null for any other device.</summary>
    public RequesterId? Requester => Name is null ? _requester : null;

    /// <summary>The identity of a PCI function.</summary>
    public static implicit operator DeviceId(RequesterId requester) => new(requester);

    /// <summary>The name, or the text form of the requester ID.</summary>
    public override string ToString() => Name ?? _requester.ToString();
}
