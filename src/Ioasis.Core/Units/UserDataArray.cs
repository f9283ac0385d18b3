namespace Ioasis.Core.Units;

/// <summary>
/// Structures of a unit's own kind, one after the other in a program's memory (Linux: struct iommu_user_data_array).
/// </summary>
public abstract class UserDataArray
{
    /// <summary>Which structure the program says they are.</summary>
    public abstract uint Type { get; }

    /// <summary>How many there are; none is a way to ask whether the type is known.</summary>
    public abstract int Count { get; }

    /// <summary>Copies one of them, as <see cref="UserData.TryRead"/> does.</summary>
    public abstract IommuStatus TryRead<T>(uint type, int minimum, int index, out T value) where T : unmanaged;

    /// <summary>Copies all of them, before any is looked at.</summary>
    /// <param name="type">Which structure <typeparamref name="T"/> is.</param>
    /// <param name="values">Room for <see cref="Count"/> of them.</param>
    /// <returns>Invalid when the type does not fit or there are none, BadMemory when one cannot be read, TooBig when
    /// one has something in it that <typeparamref name="T"/> has not.</returns>
    public abstract IommuStatus TryReadAll<T>(uint type, Span<T> values) where T : unmanaged;
}
