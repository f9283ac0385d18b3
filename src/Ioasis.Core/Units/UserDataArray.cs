namespace Ioasis.Core.Units;

/// <summary>
/// An array of structures of a unit's own kind in a program's memory (Linux: struct iommu_user_data_array).
/// </summary>
public abstract class UserDataArray
{
    /// <summary>The type that the program gives them.</summary>
    public abstract uint Type { get; }

    /// <summary>Number of structures. With 0 a program asks whether the type is known.</summary>
    public abstract int Count { get; }

    /// <summary>Copies one of them, as <see cref="UserData.TryRead"/> does.</summary>
    public abstract IommuStatus TryRead<T>(uint type, int minimum, int index, out T value) where T : unmanaged;

    /// <summary>Copies all of them.</summary>
    /// <param name="type">The type of <typeparamref name="T"/>.</param>
    /// <param name="values">Room for <see cref="Count"/> of them.</param>
    /// <returns>Invalid if the type does not match or there are none, BadMemory if one cannot be read, TooBig if one
    /// has data beyond <typeparamref name="T"/>.</returns>
    public abstract IommuStatus TryReadAll<T>(uint type, Span<T> values) where T : unmanaged;
}
