namespace Ioasis.Core.Units;

/// <summary>
/// A structure of a unit's own kind that a program passes along with a call (Linux: struct iommu_user_data). It lies in
/// the program's memory; each read copies it anew, by the rules that all extensible structures have.
/// </summary>
public abstract class UserData
{
    /// <summary>Which structure the program says it is.</summary>
    public abstract uint Type { get; }

    /// <summary>Copies the structure; what a shorter one of the program's lacks is zero.</summary>
    /// <param name="type">Which structure <typeparamref name="T"/> is.</param>
    /// <param name="minimum">Bytes that its first version had.</param>
    /// <param name="value">The structure.</param>
    /// <returns>Invalid when the type or the length does not fit, BadMemory when it cannot be read.</returns>
    public abstract IommuStatus TryRead<T>(uint type, int minimum, out T value) where T : unmanaged;

    /// <summary>Copies the structure back, as much of it as the program knows.</summary>
    /// <returns>As <see cref="TryRead"/>.</returns>
    public abstract IommuStatus TryWrite<T>(uint type, int minimum, in T value) where T : unmanaged;
}
