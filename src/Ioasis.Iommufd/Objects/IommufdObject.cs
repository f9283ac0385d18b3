namespace Ioasis.Iommufd.Objects;

/// <summary>
/// Something that a program names by a number within its context (Linux: struct iommufd_object). Others that need it alive count
/// themselves as its users; only an object that nobody uses can be destroyed.
/// </summary>
public abstract class IommufdObject
{
    /// <summary>Its number in its context, unique among all kinds of objects; 0 until it has one.</summary>
    public uint Id { get; internal set; }

    /// <summary>The objects of the context that it is one of. Set when it gets its number.</summary>
    internal ObjectTable Objects { get; set; } = null!;

    /// <summary>Who needs it alive: other objects, drivers, calls under way. Guarded by the object table's lock.</summary>
    internal int Users { get; set; }

    /// <summary>Who waits for the last user to go; null for nobody. Guarded by the object table's lock.</summary>
    internal ManualResetEventSlim? Unused { get; set; }

    /// <summary>
    /// Gives back what the object holds. Called once, when it is no longer in the table and has no users; cannot fail. Also undoes
    /// an object that was never published.
    /// </summary>
    internal abstract void Destroy();
}
