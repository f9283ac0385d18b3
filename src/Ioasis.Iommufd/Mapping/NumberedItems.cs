namespace Ioasis.Iommufd.Mapping;

/// <summary>Objects by small numbers, from 0 on. Numbers of removed objects are reused.</summary>
internal sealed class NumberedItems<T> where T : class
{
    private readonly List<T?> _items = [];
    private readonly Stack<int> _free = new();

    /// <summary>Number of objects.</summary>
    internal int Count => _items.Count - _free.Count;

    internal T this[int number] => _items[number]!;

    internal int Add(T item)
    {
        if (_free.TryPop(out int number))
        {
            _items[number] = item;
            return number;
        }

        _items.Add(item);
        return _items.Count - 1;
    }

    internal void Remove(int number)
    {
        _items[number] = null;
        _free.Push(number);
    }
}
