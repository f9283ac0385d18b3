namespace Ioasis.Iommufd.Mapping;

/// <summary>Objects by small numbers, from 0 on. Of those that were taken out the next ones get the numbers.</summary>
internal sealed class NumberedItems<T> where T : class
{
    private readonly List<T?> _items = [];
    private readonly Stack<int> _free = new();

    /// <summary>How many there are.</summary>
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
