namespace Ioasis.Core.Units;

/// <summary>
/// A structure of a unit's own kind that a program passes with a call (Linux: struct iommu_user_data). It is in the
/// program's memory. Each read copies it again, by the rules for extensible structures.
/// </summary>
public abstract class UserData
{
    /// <summary>The type that the program gives it.</summary>
    public abstract uint Type { get; }

    /// <summary>Copies the structure. Fields that a shorter structure of the program lacks are 0.</summary>
    /// <param name="type">The type of <typeparamref name="T"/>.</param>
    /// <param name="minimum">Bytes of its first version.</param>
    /// <param name="value">The structure.</param>
    /// <returns>Invalid if the type or the length does not match, BadMemory if it cannot be read.</returns>
    public abstract IommuStatus TryRead<T>(uint type, int minimum, out T value) where T : unmanaged;

    /// <summary>Copies the structure back, up to the program's length.</summary>
    /// <returns>As for <see cref="TryRead"/>.</returns>
    public abstract IommuStatus TryWrite<T>(uint type, int minimum, in T value) where T : unmanaged;
}
